// forged_test.go: somebody who can write to the store, and has none of the keys.

package integration

import (
	"strings"
	"testing"
)

// recordHead is how much of a record in Redis stands before the sealed value:
// its format, the user's epoch and two moments.
const recordHead = 1 + 16 + 8 + 8

// A record that the gateway did not write logs nobody in: the client is told that
// there is no session, and the operator, at level error, that somebody is at the
// store. Neither hears a secret. Put back as it was, the session lives.
func TestForgedRecord(t *testing.T) {
	redis := startRedis(t)
	gw := start(t, setup{Wechat: "store redis redis://" + redis.Addr + "\nlogin_rate off\n"})
	secrets := make(hoard)
	token := secrets.keep("token", login(t, gw, alice))
	secrets.keep("session key", gw.sim.SessionKey(appA, alice))
	secrets.keep("app secret", secretA)
	alices := redis.record()
	before := redis.text("GET", alices)
	secrets.keep("sealed value", before[recordHead:])
	other := login(t, gw, eve)
	eves := redis.text("GET", redis.record(alices))

	requireRefused(t, gw.h1.do(t, call{Target: "/me", Token: token + "x"}))
	requireStatus(t, gw.h1.do(t, call{Method: "POST", Target: "/wechat/logout", Token: other}), 204)
	requireRefused(t, gw.h1.do(t, call{Target: "/me", Token: other}))
	if errors := errorLines(gw.logs(t)); len(errors) != 0 {
		t.Fatalf("errors before anything was forged: %s", errors)
	}

	bend := func(at int) string {
		b := []byte(before)
		b[at] ^= 1
		return string(b)
	}
	for what, forged := range map[string]string{
		"the first byte changed": bend(recordHead),
		"the last byte changed":  bend(len(before) - 1),
		"cut short":              before[:len(before)-1],
		"empty":                  before[:recordHead],
		"of another session":     before[:recordHead] + eves[recordHead:],
		"a session in clear":     before[:recordHead] + `{"s":"` + idOf(t, token) + `","a":"` + appA + `","o":"` + eve + `","i":1,"e":9999999999}`,
	} {
		t.Run(what, func(t *testing.T) {
			known := len(errorLines(gw.logs(t)))
			redis.say("SET", alices, forged, "KEEPTTL")
			// the session's lease ends by what Redis says of the change
			await(t, "the forged record to be seen", func() bool { return gw.h1.do(t, call{Target: "/me", Token: token}).Status != 200 })
			gw.up.Reset()
			requireRefused(t, gw.h1.do(t, call{Target: "/me", Token: token}))
			requireProblem(t, gw.h1.do(t, call{Target: "/wechat/session", Token: token}), 401, "invalid_token")
			requireNoUpstream(t, gw)
			var told []string
			await(t, "a line for each refusal", func() bool {
				told = errorLines(gw.logs(t))[known:]
				return len(told) >= 3
			})
			for _, line := range told {
				if !containsAll(line, []string{`"logger":"wechat"`, `"status":401`, "not one that this gateway wrote"}) {
					t.Errorf("the operator reads %s", line)
				}
			}
			redis.say("SET", alices, before, "KEEPTTL")
			await(t, "the session to be as before", func() bool { return gw.h1.do(t, call{Target: "/me", Token: token}).Status == 200 })
		})
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
