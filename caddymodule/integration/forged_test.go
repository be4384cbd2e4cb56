// forged_test.go: somebody who can write to the store, and has none of the keys.

package integration

import (
	"maps"
	"slices"
	"strings"
	"testing"
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
	redis := startRedis(t)
	gw := start(t, setup{Wechat: "store redis redis://" + redis.Addr + "\nlogin_rate off\n"})
	secrets := make(hoard)
	token := secrets.keep("token", login(t, gw, alice))
	secrets.keep("session key", gw.sim.SessionKey(appA, alice))
	secrets.keep("app secret", secretA)
	alices := redis.user()
	before := redis.hash(alices)
	head, pieces := sessionIn(t, before)
	for _, piece := range pieces {
		secrets.keep("sealed value", before[piece])
	}
	other := login(t, gw, eve)
	theirs := redis.hash(redis.user(alices))
	eveHead, evePieces := sessionIn(t, theirs)

	requireRefused(t, gw.h1.do(t, call{Target: "/me", Token: token + "x"}))
	requireStatus(t, gw.h1.do(t, call{Method: "POST", Target: "/wechat/logout", Token: other}), 204)
	requireRefused(t, gw.h1.do(t, call{Target: "/me", Token: other}))
	if errors := errorLines(gw.logs(t)); len(errors) != 0 {
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
			f[last] += `{"s":"` + idOf(t, token) + `","a":"` + appA + `","o":"` + eve + `","i":1,"e":9999999999}`
		},
	} {
		t.Run(what, func(t *testing.T) {
			forged := maps.Clone(before)
			forge(forged)
			redis.put(alices, forged)
			// the session's lease ends by what Redis says of the change
			await(t, "the forged record to be seen", func() bool { return gw.h1.do(t, call{Target: "/me", Token: token}).Status != 200 })
			gw.up.Reset()
			requireRefused(t, gw.h1.do(t, call{Target: "/me", Token: token}))
			requireProblem(t, gw.h1.do(t, call{Target: "/wechat/session", Token: token}), 401, "invalid_token")
			requireNoUpstream(t, gw)
			anew := login(t, gw, alice) // at once, and for good
			requireStatus(t, gw.h1.do(t, call{Target: "/me", Token: anew}), 200)
			redis.put(alices, before)
			await(t, "the session to be as before", func() bool { return gw.h1.do(t, call{Target: "/me", Token: token}).Status == 200 })
		})
	}
	var told []string
	await(t, "the operator to be told", func() bool { told = errorLines(gw.logs(t)); return len(told) > 0 })
	if len(told) != 1 || !containsAll(told[0], []string{`"logger":"wechat"`, "damaged in the session store"}) {
		t.Errorf("the operator reads %q, want one line that tells of the damage", told)
	}
	secrets.search(t, "the log", gw.logs(t))
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
