// placeholders_test.go: {http.auth.user.*} behind the gate and in error routes.

package integration

import (
	"strings"
	"testing"
)

const allPlaceholders = "{http.auth.user.id}|{http.auth.user.openid}|{http.auth.user.appid}|{http.auth.user.unionid}|{http.auth.user.session_id}|{http.auth.user.userinfo}|{http.auth.user.phone}"

// A backend that is told the user by header_up sees nobody as nobody: the text of the
// placeholder would be one and the same user for all of them.
func TestPlaceholdersOfNobody(t *testing.T) {
	const up = "reverse_proxy <UPSTREAM> {\n header_up X-User \"" + allPlaceholders + "\"\n}\n"
	gw := start(t, setup{
		Wechat: inMemory,
		Site: "route {\n@broken path /broken\nerror @broken 418\nwechat_auth {\n public /public/*\n}\n@down path /public/down\nerror @down 502\nrequest_header X-Early \"" + allPlaceholders + "\"\n" + up + "}\n" +
			"handle_errors {\n" + up + "}\n",
	})
	token := login(t, gw, alice)
	gw.each(t, func(t *testing.T, c *client) {
		for _, x := range []call{{Target: "/public/x"}, {Target: "/public/x", Token: "x.y.z"}, {Target: "/api"}, {Target: "/broken"}, {Target: "/broken", Token: token}, {Target: "/public/down"}} {
			c.do(t, x)
			seen := gw.up.only(t)
			if got := seen.get("X-User"); got != "||||||" {
				t.Errorf("%s %q: the upstream saw X-User %q", x.Target, x.Token, got)
			}
			if got := seen.get("X-Early"); got != "||||||" && got != "" {
				t.Errorf("%s: the upstream saw X-Early %q", x.Target, got)
			}
		}
		for _, target := range []string{"/public/x", "/api", "/public/down"} {
			c.do(t, call{Target: target, Token: token})
			seen := gw.up.only(t)
			if got := seen.get("X-User"); !strings.HasPrefix(got, alice+"|"+alice+"|"+appA+"|") || strings.Contains(got, "{") {
				t.Errorf("%s: the upstream saw X-User %q", target, got)
			}
		}
	})
	if line := gw.awaitLog(t, "http.log.access", "/broken"); line["user_id"] != "" {
		t.Errorf("the access log has user_id %q for nobody", line["user_id"])
	}
}

// A second line that accepts another app finds whom the first one did not.
func TestPlaceholdersOfASecondGate(t *testing.T) {
	gw := start(t, setup{
		Apps: []string{appA, appB}, Wechat: inMemory,
		Site: "wechat_auth /none {\n app " + appB + "\n prefix /other\n forward_token\n}\nwechat_auth {\n app " + appA + "\n}\nreverse_proxy <UPSTREAM> {\n header_up X-User {http.auth.user.openid}\n}",
	})
	token := loginApp(t, gw, appA, alice)
	requireStatus(t, gw.h1.do(t, call{Target: "/api", Token: token}), 200)
	seen := gw.up.only(t)
	requireIdentity(t, seen, alice)
	if seen.get("X-User") != alice {
		t.Errorf("the upstream saw X-User %q", seen.get("X-User"))
	}
}
