// apps_test.go: several mini programs in one gateway (C12): an openid means
// nothing outside its app.

package wechatauth_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// A user of app A goes to a site of app B. There somebody else may have his
// openid; his session must not open that door.
func TestOtherApp(t *testing.T) {
	site := func(name, app string) string {
		body := " {\n wechat_auth {\n app " + app + "\n public /public/*\n }\n reverse_proxy <UPSTREAM>\n}\n"
		return "http://" + name + ".localhost:<HTTPPORT>" + body + "https://" + name + ".localhost:<HTTPSPORT> {\n tls <DIR>/cert.pem <DIR>/key.pem\n" + body[2:]
	}
	gw := gatewaytest.Start(t, gatewaytest.Setup{
		Apps: []string{gatewaytest.AppA, gatewaytest.AppB}, Auth: "wechat_auth {\n app " + gatewaytest.AppA + "\n}",
		Sites: site("b", gatewaytest.AppB) + site("both", gatewaytest.AppA+" "+gatewaytest.AppB) + site("all", "*"),
	})
	tokens := map[string]string{gatewaytest.AppA: gatewaytest.Login(t, gw, gatewaytest.Alice)}
	got := gw.H1.Do(t, hostCall("all", gatewaytest.LoginCall(gw, gatewaytest.AppB, gatewaytest.Alice)))
	gatewaytest.RequireStatus(t, got, 200)
	tokens[gatewaytest.AppB] = tokenOf(t, got)

	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for host, accepted := range map[string][]string{"": {gatewaytest.AppA}, "b": {gatewaytest.AppB}, "both": {gatewaytest.AppA, gatewaytest.AppB}, "all": {gatewaytest.AppA, gatewaytest.AppB}} {
			for app, token := range tokens {
				x := gatewaytest.Call{Target: "/api", Token: token, Header: gatewaytest.Header("X-WeChat-AppID", gatewaytest.AppB, "Referer", "https://servicewechat.com/"+gatewaytest.AppB+"/1/page-frame.html")}
				got := c.Do(t, hostCall(host, x))
				if slices.Contains(accepted, app) {
					gatewaytest.RequireStatus(t, got, 200)
					gatewaytest.RequireIdentityApp(t, gw.Upstream.Only(t), app, gatewaytest.Alice)
				} else {
					gatewaytest.RequireRefused(t, got)
					gatewaytest.RequireNoUpstream(t, gw)
					x.Target = "/wechat/session"
					gatewaytest.RequireRefused(t, c.Do(t, hostCall(host, x)))
					x.Method, x.Target = "POST", "/wechat/logout"
					gatewaytest.RequireRefused(t, c.Do(t, hostCall(host, x)))
					if host != "" {
						gatewaytest.RequireStatus(t, c.Do(t, hostCall(host, gatewaytest.Call{Target: "/public/x", Token: token})), 200)
						gatewaytest.RequireAnonymous(t, gw.Upstream.Only(t))
					}
				}
				// a login there for an app that the site does not take
				if got := c.Do(t, hostCall(host, gatewaytest.LoginCall(gw, app, gatewaytest.Eve))); (got.Status == 200) != slices.Contains(accepted, app) {
					t.Errorf("login for %s at %q: %d %s", app, host, got.Status, got.Body)
				}
			}
			// with several apps a login says which, and nothing else decides it
			x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Eve)
			x.Body = `{"code":"` + gw.Sim.Login(gatewaytest.AppA, gatewaytest.Eve) + `"}`
			x.Header.Set("Referer", "https://servicewechat.com/"+gatewaytest.AppA+"/1/page-frame.html")
			want := 200
			if len(accepted) > 1 || accepted[0] != gatewaytest.AppA {
				want = 400
			}
			gatewaytest.RequireStatus(t, c.Do(t, hostCall(host, x)), want)
		}
	})
	for app, token := range tokens {
		if got := gw.H1.Do(t, hostCall("all", gatewaytest.Call{Target: "/wechat/session", Token: token})); got.Status != 200 {
			t.Errorf("the session of %s has ended: %v", app, got)
		}
	}
}

// hostCall sends a call to the site of another name on the same listeners.
func hostCall(name string, x gatewaytest.Call) gatewaytest.Call {
	if name != "" {
		x.Host = name + ".localhost"
	}
	return x
}

// tokenOf is the token in the answer to a login.
func tokenOf(t *testing.T, got gatewaytest.Reply) string {
	t.Helper()
	var answer struct{ Token string }
	if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || answer.Token == "" {
		t.Fatalf("no token in %v", got)
	}
	return answer.Token
}
