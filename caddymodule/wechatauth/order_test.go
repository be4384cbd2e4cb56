// order_test.go: the gate among other directives (H27, L9): before and behind
// it, twice, and what others learn from it.

package wechatauth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// Other directives use what the gateway found out. What an operator sets by hand
// behind it is the operator's word.
func TestPlaceholders(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Site: `wechat_auth {
			public /public/*
		}
		respond /who "{http.auth.user.id}|{http.auth.user.openid}|{http.auth.user.appid}|{http.auth.user.unionid}|{http.auth.user.phone}"
		respond /public/who "[{http.auth.user.id}{http.auth.user.openid}]"
		request_header /set X-WeChat-OpenID operator
		request_header /gone -X-WeChat-OpenID
		reverse_proxy <UPSTREAM> {
			header_up X-User {http.auth.user.openid}
			header_up X-Session {http.auth.user.session_id}
		}`})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		got := c.Do(t, gatewaytest.Call{Target: "/who", Token: token})
		part := strings.Split(got.Body, "|")
		if len(part) != 5 || part[0] != gatewaytest.Alice || part[1] != gatewaytest.Alice || part[2] != gatewaytest.AppA || part[3] == "" || part[4] != "" {
			t.Errorf("%q", got.Body)
		}
		if got := c.Do(t, gatewaytest.Call{Target: "/public/who"}); got.Body != "[]" && got.Body != "[{http.auth.user.id}{http.auth.user.openid}]" {
			t.Errorf("anonymous: %q", got.Body)
		}
		forged := gatewaytest.Header("X-WeChat-OpenID", gatewaytest.Eve)
		c.Do(t, gatewaytest.Call{Target: "/api", Token: token, Header: forged})
		seen := gw.Upstream.Only(t)
		gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
		if seen.Get("X-User") != gatewaytest.Alice || len(seen.Get("X-Session")) < 16 || strings.Contains(token, seen.Get("X-Session")) {
			t.Errorf("the upstream saw\n%s", seen.Raw)
		}
		c.Do(t, gatewaytest.Call{Target: "/set", Token: token, Header: forged})
		if seen := gw.Upstream.Only(t); seen.Get("X-WeChat-OpenID") != "operator" || strings.Count(seen.Raw, "Openid:") != 1 {
			t.Errorf("the operator's header is not alone:\n%s", seen.Raw)
		}
		c.Do(t, gatewaytest.Call{Target: "/gone", Token: token, Header: forged})
		if seen := gw.Upstream.Only(t); seen.Get("X-WeChat-OpenID") != "" {
			t.Errorf("the header is still there:\n%s", seen.Raw)
		}
	})
}

// The access log says who made a request, and nobody where nobody is known.
func TestAccessLog(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		mark := strings.NewReplacer("/", "", ".", "").Replace(c.Name)
		c.Do(t, gatewaytest.Call{Target: "/api/" + mark, Token: token})
		c.Do(t, gatewaytest.Call{Target: "/public/" + mark, Header: gatewaytest.Header("X-WeChat-OpenID", gatewaytest.Eve)})
		if line := gw.AwaitLog(t, `"handled request"`, `"uri":"/api/`+mark); line["user_id"] != gatewaytest.Alice {
			t.Errorf("user_id %v", line["user_id"])
		}
		if line := gw.AwaitLog(t, `"handled request"`, `"uri":"/public/`+mark); line["user_id"] != "" {
			t.Errorf("anonymous user_id %v", line["user_id"])
		}
		// the calls that the gateway answers itself
		c.Do(t, gatewaytest.Call{Target: "/wechat/session?" + mark, Token: token})
		if line := gw.AwaitLog(t, `"handled request"`, `"uri":"/wechat/session?`+mark); line["user_id"] != gatewaytest.Alice {
			t.Errorf("user_id of a call of the gateway's own %v", line["user_id"])
		}
	})
}

// Two lines on one site: the first takes the token away, the second knows who
// was found, and asks no less than it would alone.
func TestTwoLines(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{
		Apps: []string{gatewaytest.AppA, gatewaytest.AppB},
		Auth: "wechat_auth {\n app *\n public /public/* /b/open\n}\nwechat_auth /b/* {\n app " + gatewaytest.AppB + "\n}",
	})
	tokenA, tokenB := gatewaytest.Login(t, gw, gatewaytest.Alice), gatewaytest.LoginApp(t, gw, gatewaytest.AppB, gatewaytest.Eve)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, test := range []struct {
			target, token string
			status        int
			appid, openid string
		}{
			{"/x", tokenA, 200, gatewaytest.AppA, gatewaytest.Alice}, {"/x", tokenB, 200, gatewaytest.AppB, gatewaytest.Eve}, {"/x", "", 401, "", ""},
			{"/b/x", tokenA, 401, "", ""}, {"/b/x", tokenB, 200, gatewaytest.AppB, gatewaytest.Eve}, {"/b/x", "", 401, "", ""},
			{"/b/open", "", 401, "", ""}, {"/b/open", tokenB, 200, gatewaytest.AppB, gatewaytest.Eve}, {"/public/x", "", 200, "", ""},
		} {
			got := c.Do(t, gatewaytest.Call{Target: test.target, Token: test.token, Header: gatewaytest.Header("X-WeChat-AppID", gatewaytest.AppB, "Connection", "close")})
			if got.Status != test.status {
				t.Errorf("%s: status %d; want %d", test.target, got.Status, test.status)
			}
			switch {
			case test.status != 200:
				gatewaytest.RequireNoUpstream(t, gw)
			case test.openid == "":
				gatewaytest.RequireAnonymous(t, gw.Upstream.Only(t))
			default:
				gatewaytest.RequireIdentityApp(t, gw.Upstream.Only(t), test.appid, test.openid)
			}
		}
	})
}

// Two lines that look at different credentials: who is one person for the first
// and another for the second is nobody, as within one line (C18). And the name under
// which the first leaves the caller shows nothing of him.
func TestTwoLinesTwoSessions(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Site: "route {\n wechat_auth\n wechat_auth {\n cookie\n }\n wechat_auth\n" +
		"templates\n respond /page \"[{{placeholder `}wechat_auth.caller`}}]\"\n reverse_proxy <UPSTREAM>\n}"})
	tokenA, tokenB := gatewaytest.Login(t, gw, gatewaytest.Alice), gatewaytest.Login(t, gw, gatewaytest.Eve)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		got := c.Do(t, gatewaytest.Call{Target: "/x", Token: tokenA, Header: gatewaytest.Header("Cookie", gatewaytest.CookieName+"="+tokenB)})
		gatewaytest.RequireStatus(t, got, 401)
		gatewaytest.RequireNoUpstream(t, gw)
		got = c.Do(t, gatewaytest.Call{Target: "/x", Token: tokenA, Header: gatewaytest.Header("Cookie", gatewaytest.CookieName+"="+tokenA)})
		gatewaytest.RequireStatus(t, got, 200)
		gatewaytest.RequireIdentity(t, gw.Upstream.Only(t), gatewaytest.Alice)
		if got := c.Do(t, gatewaytest.Call{Target: "/page", Token: tokenA}); got.Body != "[]" {
			t.Errorf("a template shows %q", got.Body)
		}
	})
}

// A path that handle_path or uri has rewritten is judged as the backend gets it.
func TestRewrittenPaths(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Site: `
		handle_path /svc/* {
			wechat_auth {
				public /open /api-doc/*
			}
			reverse_proxy <UPSTREAM>
		}
		handle /old/* {
			uri strip_prefix /old
			wechat_auth {
				public /open
			}
			reverse_proxy <UPSTREAM>
		}`})
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for target, sent := range map[string]string{
			"/svc/open": "/open", "/svc/api-doc/x": "/api-doc/x", "/old/open": "/open",
			"/svc/api": "", "/svc/svc/open": "", "/svc/open/": "", "/svc/api-doc/../api": "", "/svc/api-doc/%2e%2e/api": "", "/svc/x/../open;": "",
			"/svc/wechat/session": "", "/old/api": "", "/old/open;x": "", "/old/old/open": "",
		} {
			got, err := c.Exact(t, gatewaytest.ExactCall{Target: target, Fields: gatewaytest.Fields("X-WeChat-OpenID", gatewaytest.Eve)})
			if err != nil {
				t.Fatal(err)
			}
			if sent == "" {
				if got.Status != 401 {
					t.Errorf("%s: status %d", target, got.Status)
				}
				gatewaytest.RequireNoUpstream(t, gw)
				continue
			}
			gatewaytest.RequireStatus(t, got, 200)
			seen := gw.Upstream.Only(t)
			gatewaytest.RequireAnonymous(t, seen)
			if seen.Target != sent {
				t.Errorf("%s went on as %s", target, seen.Target)
			}
		}
	})
}

// Another check beside ours: a thousand requests, and always the same answer,
// without traces of the other in it.
func TestBesideBasicAuth(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: `wechat_auth {
			cookie
		}
		basic_auth /admin/* {
			root $2a$04$Zu7QbU5uc7w2NQUrTx4GPOSfiIm1WIRGOKr8fGyJ9E2a0dhk3mCKe
		}`})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	own := "Cookie: " + gatewaytest.CookieName + "=" + token + "\n"
	for i := range 250 {
		for _, test := range []struct{ target, lines, challenge string }{
			{"/admin/x", "", "Basic"},
			{"/admin/x", own, "Basic"},
			{"/api", "", "Bearer"},
			{"/api", own, ""},
		} {
			got := gatewaytest.RawHTTP(t, gw.HTTP, "GET "+test.target+" HTTP/1.1\nHost: "+gw.HTTP+"\nConnection: close\n"+test.lines+"\n")
			challenge := fmt.Sprint(got.Header.Values("WWW-Authenticate"))
			if (got.Status == 200) != (test.challenge == "") || !strings.HasPrefix(challenge, "["+test.challenge) || strings.Contains(challenge, ",Basic") {
				t.Fatalf("request %d of %v: %d %s", i, test, got.Status, challenge)
			}
			if (test.challenge == "Bearer") != (got.Header.Get("Cache-Control") == "no-store") {
				t.Fatalf("request %d of %v: Cache-Control %q", i, test, got.Header.Get("Cache-Control"))
			}
			gw.Upstream.Reset()
		}
	}
}
