// apps_test.go: several mini programs in one gateway (C12): an openid means
// nothing outside its app.

package integration

import (
	"encoding/json"
	"slices"
	"testing"
)

// A user of app A goes to a site of app B. There somebody else may have his
// openid; his session must not open that door.
func TestOtherApp(t *testing.T) {
	site := func(name, app string) string {
		body := " {\n wechat_auth {\n app " + app + "\n public /public/*\n }\n reverse_proxy <UPSTREAM>\n}\n"
		return "http://" + name + ".localhost:<HTTPPORT>" + body + "https://" + name + ".localhost:<HTTPSPORT> {\n tls <DIR>/cert.pem <DIR>/key.pem\n" + body[2:]
	}
	gw := start(t, setup{
		Apps: []string{appA, appB}, Auth: "wechat_auth {\n app " + appA + "\n}",
		Sites: site("b", appB) + site("both", appA+" "+appB) + site("all", "*"),
	})
	tokens := map[string]string{appA: login(t, gw, alice)}
	got := gw.h1.do(t, hostCall("all", loginCall(gw, appB, alice)))
	requireStatus(t, got, 200)
	tokens[appB] = tokenOf(t, got)

	gw.each(t, func(t *testing.T, c *client) {
		for host, accepted := range map[string][]string{"": {appA}, "b": {appB}, "both": {appA, appB}, "all": {appA, appB}} {
			for app, token := range tokens {
				x := call{Target: "/api", Token: token, Header: header("X-WeChat-AppID", appB, "Referer", "https://servicewechat.com/"+appB+"/1/page-frame.html")}
				got := c.do(t, hostCall(host, x))
				if slices.Contains(accepted, app) {
					requireStatus(t, got, 200)
					requireIdentityApp(t, gw.up.only(t), app, alice)
				} else {
					requireRefused(t, got)
					requireNoUpstream(t, gw)
					x.Target = "/wechat/session"
					requireRefused(t, c.do(t, hostCall(host, x)))
					x.Method, x.Target = "POST", "/wechat/logout"
					requireRefused(t, c.do(t, hostCall(host, x)))
					if host != "" {
						requireStatus(t, c.do(t, hostCall(host, call{Target: "/public/x", Token: token})), 200)
						requireAnonymous(t, gw.up.only(t))
					}
				}
				// a login there for an app that the site does not take
				if got := c.do(t, hostCall(host, loginCall(gw, app, eve))); (got.Status == 200) != slices.Contains(accepted, app) {
					t.Errorf("login for %s at %q: %d %s", app, host, got.Status, got.Body)
				}
			}
			// with several apps a login says which, and nothing else decides it
			x := loginCall(gw, appA, eve)
			x.Body = `{"code":"` + gw.sim.Login(appA, eve) + `"}`
			x.Header.Set("Referer", "https://servicewechat.com/"+appA+"/1/page-frame.html")
			want := 200
			if len(accepted) > 1 || accepted[0] != appA {
				want = 400
			}
			requireStatus(t, c.do(t, hostCall(host, x)), want)
		}
	})
	for app, token := range tokens {
		if got := gw.h1.do(t, hostCall("all", call{Target: "/wechat/session", Token: token})); got.Status != 200 {
			t.Errorf("the session of %s has ended: %v", app, got)
		}
	}
}

// hostCall sends a call to the site of another name on the same listeners.
func hostCall(name string, x call) call {
	if name != "" {
		x.Host = name + ".localhost"
	}
	return x
}

// tokenOf is the token in the answer to a login.
func tokenOf(t *testing.T, got reply) string {
	t.Helper()
	var answer struct{ Token string }
	if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || answer.Token == "" {
		t.Fatalf("no token in %v", got)
	}
	return answer.Token
}
