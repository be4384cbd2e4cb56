// cookie_lookalike_test.go: cookies that a sibling domain may set, and that only a lax
// reader takes for the session cookie.

package integration

import (
	"strings"
	"testing"
)

// lookAlikes are names that begin with __Host- for no browser.
var lookAlikes = []string{
	"\u2000" + cookieName, cookieName + "\u2000", "\u00a0" + cookieName, "\u0085" + cookieName, "\u3000" + cookieName,
	"\xa0" + cookieName, "\u2000 " + cookieName, `"` + cookieName + `"`,
	"__host-wechat_session", "%5F_Host-wechat_session", "..Host-wechat_session",
}

// A sibling domain plants a cookie with the attacker's token. The visitor is not the
// attacker by it; is not locked out, if logged in; and a login or a logout ends the
// visitor's session, not the attacker's. The backend sees none of it.
func TestPlantedCookies(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory, Sim: freshKeys(), Auth: "wechat_auth {\n public /public/*\n cookie\n}"})
	gw.each(t, func(t *testing.T, c *client) {
		planted := login(t, gw, eve)
		for _, name := range lookAlikes {
			evil := name + "=" + planted
			ask := func(method, target, cookie string) reply {
				t.Helper()
				got, err := c.exact(t, exactCall{Method: method, Target: target, Fields: fields("Cookie", cookie)})
				if err != nil {
					t.Fatalf("%q: %v", cookie, err)
				}
				return got
			}
			requireRefused(t, ask("GET", "/api", evil))
			requireRefused(t, ask("GET", "/wechat/session", evil))
			requireNoUpstream(t, gw)

			requireStatus(t, ask("GET", "/public/x", evil+"; a=1"), 200)
			seen := gw.up.only(t)
			requireAnonymous(t, seen)
			requireNoToken(t, seen, planted)
			if seen.get("Cookie") != "a=1" {
				t.Errorf("%q: the upstream saw Cookie %q", name, seen.get("Cookie"))
			}

			own := login(t, gw, alice)
			for _, both := range []string{evil + "; " + cookieName + "=" + own, cookieName + "=" + own + ";" + evil + "; a=1"} {
				requireStatus(t, ask("GET", "/api", both), 200)
				seen := gw.up.only(t)
				requireIdentity(t, seen, alice)
				requireNoToken(t, seen, planted)
				requireNoToken(t, seen, own)
				if got := ask("GET", "/wechat/session", both); got.Status != 200 || !strings.Contains(got.Body, alice) {
					t.Errorf("%q: %v", name, got)
				}
			}

			x := loginCall(gw, appA, alice)
			got, err := c.exact(t, exactCall{Method: "POST", Target: x.Target, Body: x.Body, Fields: fields("Content-Type", "application/json", "Cookie", evil)})
			if err != nil || got.Status != 200 {
				t.Errorf("%q: login: %v %v", name, got, err)
			}
			requireStatus(t, ask("POST", "/wechat/logout", evil+"; "+cookieName+"="+own), 204)
			if alive(t, gw, own) || !alive(t, gw, planted) {
				t.Errorf("%q: the wrong session ended", name)
			}
			gw.up.Reset()
		}
	})
}
