// forged_test.go: somebody who can write to the store, and has none of the keys.

package wechatauth_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// A user in Redis is a hash. A session in it is a head, under a name of 11
// characters, and the pieces under the tag that the head names.
const (
	sessionName = 11
	tagStart    = 1
	tagEnd      = 4
)

// sessionIn returns the names of the fields of the one session in a hash.
func sessionIn(t *testing.T, fields map[string]string) (head string, pieces []string) {
	t.Helper()
	for name := range fields {
		if len(name) == sessionName {
			head = name
		}
	}
	if head == "" {
		t.Fatalf("no session among %d fields", len(fields))
	}
	for name := range fields {
		if len(name) == tagEnd && strings.HasPrefix(name, fields[head][tagStart:tagEnd]) {
			pieces = append(pieces, name)
		}
	}
	slices.Sort(pieces)
	if len(pieces) == 0 {
		t.Fatal("the session has no pieces")
	}
	return head, pieces
}

// A record that the gateway did not write logs nobody in: the client is told that
// there is no session, and the operator, once and at level error, that the store
// is damaged. Neither hears a secret. Put back as it was, the session lives.
func TestForgedRecord(t *testing.T) {
	redis := gatewaytest.StartRedis(t)
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: "store redis redis://" + redis.Addr + "\nlogin_rate off\n"})
	secrets := make(gatewaytest.Hoard)
	token := secrets.Keep("token", gatewaytest.Login(t, gw, gatewaytest.Alice))
	secrets.Keep("session key", gw.Sim.SessionKey(gatewaytest.AppA, gatewaytest.Alice))
	secrets.Keep("app secret", gatewaytest.SecretA)
	alices := redis.User()
	before := redis.Hash(alices)
	head, pieces := sessionIn(t, before)
	for _, piece := range pieces {
		secrets.Keep("sealed value", before[piece])
	}
	other := gatewaytest.Login(t, gw, gatewaytest.Eve)
	theirs := redis.Hash(redis.User(alices))
	eveHead, evePieces := sessionIn(t, theirs)

	gatewaytest.RequireRefused(t, gw.H1.Do(t, gatewaytest.Call{Target: "/me", Token: token + "x"}))
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: other}), 204)
	gatewaytest.RequireRefused(t, gw.H1.Do(t, gatewaytest.Call{Target: "/me", Token: other}))
	if errors := errorLines(gw.Logs(t)); len(errors) != 0 {
		t.Fatalf("errors before anything was forged: %s", errors)
	}

	bend := func(text string, at int) string {
		b := []byte(text)
		b[at] ^= 1
		return string(b)
	}
	last := pieces[len(pieces)-1]
	for what, forge := range map[string]func(fields map[string]string){
		"a byte of the head changed": func(f map[string]string) { f[head] = bend(f[head], len(f[head])-1) },
		"the last byte changed":      func(f map[string]string) { f[last] = bend(f[last], len(f[last])-1) },
		"cut short":                  func(f map[string]string) { f[last] = f[last][:len(f[last])-1] },
		"a piece missing":            func(f map[string]string) { delete(f, last) },
		"empty":                      func(f map[string]string) { f[head] = "" },
		"of another session": func(f map[string]string) {
			f[head] = f[head][:tagEnd] + theirs[eveHead][tagEnd:]
			for i, piece := range pieces {
				f[piece] = theirs[evePieces[i]]
			}
		},
		"a session in clear": func(f map[string]string) {
			f[last] += `{"s":"` + gatewaytest.SessionID(t, token) + `","a":"` + gatewaytest.AppA + `","o":"` + gatewaytest.Eve + `","i":1,"e":9999999999}`
		},
	} {
		t.Run(what, func(t *testing.T) {
			forged := maps.Clone(before)
			forge(forged)
			redis.Put(alices, forged)
			// the session's lease ends by what Redis says of the change
			gatewaytest.Await(t, "the forged record to be seen", func() bool { return gw.H1.Do(t, gatewaytest.Call{Target: "/me", Token: token}).Status != 200 })
			gw.Upstream.Reset()
			gatewaytest.RequireRefused(t, gw.H1.Do(t, gatewaytest.Call{Target: "/me", Token: token}))
			gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/session", Token: token}), 401, "invalid_token")
			gatewaytest.RequireNoUpstream(t, gw)
			anew := gatewaytest.Login(t, gw, gatewaytest.Alice) // at once, and for good
			gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Target: "/me", Token: anew}), 200)
			redis.Put(alices, before)
			gatewaytest.Await(t, "the session to be as before", func() bool { return gw.H1.Do(t, gatewaytest.Call{Target: "/me", Token: token}).Status == 200 })
		})
	}
	var told []string
	gatewaytest.Await(t, "the operator to be told", func() bool { told = errorLines(gw.Logs(t)); return len(told) > 0 })
	if len(told) != 1 || !gatewaytest.ContainsAll(told[0], []string{`"logger":"wechat"`, "damaged in the session store"}) {
		t.Errorf("the operator reads %q, want one line that tells of the damage", told)
	}
	secrets.Search(t, "the log", gw.Logs(t))
}

// errorLines are the lines of a log at level error.
func errorLines(log string) (list []string) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"level":"error"`) {
			list = append(list, line)
		}
	}
	return list
}
