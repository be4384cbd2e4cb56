// placeholders_site_test.go: {http.auth.user.*} behind the gate and in error routes.

package wechatauth_test

import (
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

const allPlaceholders = "{http.auth.user.id}|{http.auth.user.openid}|{http.auth.user.appid}|{http.auth.user.unionid}|{http.auth.user.session_id}|{http.auth.user.userinfo}|{http.auth.user.phone}"

// A backend that is told the user by header_up sees nobody as nobody: the text of the
// placeholder would be one and the same user for all of them.
func TestPlaceholdersOfNobody(t *testing.T) {
	const up = "reverse_proxy <UPSTREAM> {\n header_up X-User \"" + allPlaceholders + "\"\n}\n"
	gw := gatewaytest.Start(t, gatewaytest.Setup{
		Wechat: gatewaytest.InMemory,
		Site: "route {\n@broken path /broken\nerror @broken 418\nwechat_auth {\n public /public/*\n}\n@down path /public/down\nerror @down 502\nrequest_header X-Early \"" + allPlaceholders + "\"\n" + up + "}\n" +
			"handle_errors {\n" + up + "}\n",
	})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, x := range []gatewaytest.Call{{Target: "/public/x"}, {Target: "/public/x", Token: "x.y.z"}, {Target: "/api"}, {Target: "/broken"}, {Target: "/broken", Token: token}, {Target: "/public/down"}} {
			c.Do(t, x)
			seen := gw.Upstream.Only(t)
			if got := seen.Get("X-User"); got != "||||||" {
				t.Errorf("%s %q: the upstream saw X-User %q", x.Target, x.Token, got)
			}
			if got := seen.Get("X-Early"); got != "||||||" && got != "" {
				t.Errorf("%s: the upstream saw X-Early %q", x.Target, got)
			}
		}
		for _, target := range []string{"/public/x", "/api", "/public/down"} {
			c.Do(t, gatewaytest.Call{Target: target, Token: token})
			seen := gw.Upstream.Only(t)
			if got := seen.Get("X-User"); !strings.HasPrefix(got, gatewaytest.Alice+"|"+gatewaytest.Alice+"|"+gatewaytest.AppA+"|") || strings.Contains(got, "{") {
				t.Errorf("%s: the upstream saw X-User %q", target, got)
			}
		}
	})
	if line := gw.AwaitLog(t, "http.log.access", "/broken"); line["user_id"] != "" {
		t.Errorf("the access log has user_id %q for nobody", line["user_id"])
	}
}

// A second line that accepts another app finds whom the first one did not.
func TestPlaceholdersOfASecondGate(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{
		Apps: []string{gatewaytest.AppA, gatewaytest.AppB}, Wechat: gatewaytest.InMemory,
		Site: "wechat_auth /none {\n app " + gatewaytest.AppB + "\n prefix /other\n forward_token\n}\nwechat_auth {\n app " + gatewaytest.AppA + "\n}\nreverse_proxy <UPSTREAM> {\n header_up X-User {http.auth.user.openid}\n}",
	})
	token := gatewaytest.LoginApp(t, gw, gatewaytest.AppA, gatewaytest.Alice)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Target: "/api", Token: token}), 200)
	seen := gw.Upstream.Only(t)
	gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
	if seen.Get("X-User") != gatewaytest.Alice {
		t.Errorf("the upstream saw X-User %q", seen.Get("X-User"))
	}
}
