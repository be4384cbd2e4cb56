// cookie_lookalike_test.go: cookies that a sibling domain may set, and that only a lax
// reader takes for the session cookie.

package wechatauth_test

import (
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// lookAlikes are names that begin with __Host- for no browser.
var lookAlikes = []string{
	"\u2000" + gatewaytest.CookieName, gatewaytest.CookieName + "\u2000", "\u00a0" + gatewaytest.CookieName, "\u0085" + gatewaytest.CookieName, "\u3000" + gatewaytest.CookieName,
	"\xa0" + gatewaytest.CookieName, "\u2000 " + gatewaytest.CookieName, `"` + gatewaytest.CookieName + `"`,
	"__host-wechat_session", "%5F_Host-wechat_session", "..Host-wechat_session",
}

// A sibling domain plants a cookie with the attacker's token. The visitor is not the
// attacker by it; is not locked out, if logged in; and a login or a logout ends the
// visitor's session, not the attacker's. The backend sees none of it.
func TestPlantedCookies(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Sim: gatewaytest.FreshKeys(), Auth: "wechat_auth {\n public /public/*\n cookie\n}"})
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		planted := gatewaytest.Login(t, gw, gatewaytest.Eve)
		for _, name := range lookAlikes {
			evil := name + "=" + planted
			ask := func(method, target, cookie string) gatewaytest.Reply {
				t.Helper()
				got, err := c.Exact(t, gatewaytest.ExactCall{Method: method, Target: target, Fields: gatewaytest.Fields("Cookie", cookie)})
				if err != nil {
					t.Fatalf("%q: %v", cookie, err)
				}
				return got
			}
			gatewaytest.RequireRefused(t, ask("GET", "/api", evil))
			gatewaytest.RequireRefused(t, ask("GET", "/wechat/session", evil))
			gatewaytest.RequireNoUpstream(t, gw)

			gatewaytest.RequireStatus(t, ask("GET", "/public/x", evil+"; a=1"), 200)
			seen := gw.Upstream.Only(t)
			gatewaytest.RequireAnonymous(t, seen)
			gatewaytest.RequireNoToken(t, seen, planted)
			if seen.Get("Cookie") != "a=1" {
				t.Errorf("%q: the upstream saw Cookie %q", name, seen.Get("Cookie"))
			}

			own := gatewaytest.Login(t, gw, gatewaytest.Alice)
			for _, both := range []string{evil + "; " + gatewaytest.CookieName + "=" + own, gatewaytest.CookieName + "=" + own + ";" + evil + "; a=1"} {
				gatewaytest.RequireStatus(t, ask("GET", "/api", both), 200)
				seen := gw.Upstream.Only(t)
				gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
				gatewaytest.RequireNoToken(t, seen, planted)
				gatewaytest.RequireNoToken(t, seen, own)
				if got := ask("GET", "/wechat/session", both); got.Status != 200 || !strings.Contains(got.Body, gatewaytest.Alice) {
					t.Errorf("%q: %v", name, got)
				}
			}

			x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
			got, err := c.Exact(t, gatewaytest.ExactCall{Method: "POST", Target: x.Target, Body: x.Body, Fields: gatewaytest.Fields("Content-Type", "application/json", "Cookie", evil)})
			if err != nil || got.Status != 200 {
				t.Errorf("%q: login: %v %v", name, got, err)
			}
			gatewaytest.RequireStatus(t, ask("POST", "/wechat/logout", evil+"; "+gatewaytest.CookieName+"="+own), 204)
			if gatewaytest.Alive(t, gw, own) || !gatewaytest.Alive(t, gw, planted) {
				t.Errorf("%q: the wrong session ended", name)
			}
			gw.Upstream.Reset()
		}
	})
}
