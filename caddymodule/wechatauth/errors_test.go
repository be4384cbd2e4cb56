// errors_test.go: who writes the body of a refusal: the gateway, or the site's
// handle_errors.

package wechatauth_test

import (
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

const challenge = `Bearer realm="wechat", error="invalid_token", error_description="log in again"`

// A site with an error route for the refusal decides its body, and only that.
// A route that would not answer leaves the client with the gateway's JSON, not
// with an empty page.
func TestHandleErrors(t *testing.T) {
	const site = "wechat_auth\nreverse_proxy <UPSTREAM>\n"
	for name, test := range map[string]struct {
		site, body string // an empty body stands for the gateway's JSON
	}{
		"none":                   {site, ""},
		"all":                    {site + `handle_errors {` + "\n" + `respond "custom {err.status_code}"` + "\n}", "custom 401"},
		"all, by route":          {site + "handle_errors {\nroute {\nheader X-Page yes\nrespond \"routed {err.status_code}\"\n}\n}", "routed 401"},
		"the status":             {site + "handle_errors 401 403 {\nrespond mine\n}", "mine"},
		"the class":              {site + "handle_errors 4xx {\nrespond mine\n}", "mine"},
		"another status":         {site + "handle_errors 404 {\nrespond mine\n}", ""},
		"another class":          {site + "handle_errors 5xx {\nrespond mine\n}", ""},
		"another, then this":     {site + "handle_errors 404 {\nrespond other\n}\nhandle_errors 401 {\nrespond mine\n}", "mine"},
		"a matching path":        {site + "handle_errors {\n@api path /api/*\nrespond @api mine\n}", "mine"},
		"another path":           {site + "handle_errors {\n@web path /web/*\nrespond @web mine\n}", ""},
		"by handle":              {site + "handle_errors {\nhandle /web/* {\nrespond web\n}\nhandle {\nrespond rest\n}\n}", "rest"},
		"by another handle":      {site + "handle_errors {\nhandle /web/* {\nrespond web\n}\n}", ""},
		"by an expression":       {site + "handle_errors {\n@401 expression {err.status_code} == 401\nrespond @401 mine\n}", "mine"},
		"by a false expression":  {site + "handle_errors {\n@404 expression {err.status_code} == 404\nrespond @404 mine\n}", ""},
		"with another status":    {site + "handle_errors {\nrespond hidden 401\n}", "hidden"},
		"proxied":                {site + "handle_errors {\nrewrite /page\nreverse_proxy <UPSTREAM> {\n@any status 200\nreplace_status @any {err.status_code}\n}\n}", "GET /page 0\n"},
		"the message":            {site + "handle_errors {\nrespond {err.message}\n}", "the token names no live session: log in again (wx.login, in a mini program)"},
		"within handle":          {"handle {\n" + site + "}\nhandle_errors {\nrespond mine\n}", "mine"},
		"a subroute of the gate": {"route /api/* {\n" + site + "}\nhandle_errors {\nrespond mine\n}", "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.Start(t, gatewaytest.Setup{Site: test.site})
			gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
				got := c.Do(t, gatewaytest.Call{Target: "/api/me", Token: "x.y.z"})
				gatewaytest.RequireStatus(t, got, 401)
				if test.body == "" && !strings.HasPrefix(got.Body, `{"error":"invalid_token",`) || test.body != "" && strings.TrimSpace(got.Body) != strings.TrimSpace(test.body) && name != "proxied" {
					t.Errorf("body %q; want %q", got.Body, test.body)
				}
				if v := got.Header.Values("WWW-Authenticate"); len(v) != 1 || v[0] != challenge {
					t.Errorf("WWW-Authenticate %q", v)
				}
				if v := got.Header.Get("Cache-Control"); v != "no-store" {
					t.Errorf("Cache-Control %q", v)
				}
				for _, seen := range gw.Upstream.Requests() {
					gatewaytest.RequireAnonymous(t, seen)
					if name != "proxied" {
						t.Errorf("the upstream saw\n%s", seen.Raw)
					}
				}
				// the endpoints speak JSON whatever the site's pages look like
				got = c.Do(t, gatewaytest.Call{Target: "/wechat/session"})
				if got.Status != 401 && name != "a subroute of the gate" || got.Status == 401 && !strings.HasPrefix(got.Body, `{"error":`) && name != "a subroute of the gate" {
					t.Errorf("endpoint: %d %q", got.Status, got.Body)
				}
			})
		})
	}
}

// The backend that makes the error page answers 200 itself; the refusal stays one.
func TestHandleErrorsKeepsTheRefusal(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Site: "wechat_auth\nreverse_proxy <UPSTREAM>\nhandle_errors {\nrespond \"come in\"\n}"})
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		got := c.Do(t, gatewaytest.Call{Target: "/api", Header: gatewaytest.Header("X-WeChat-OpenID", gatewaytest.Alice)})
		if got.Status != 401 || got.Header.Get("WWW-Authenticate") != `Bearer realm="wechat"` || got.Body != "come in" {
			t.Errorf("%v", got)
		}
		gatewaytest.RequireNoUpstream(t, gw)
	})
}

// One listener serves many sites: the error pages of one are not the other's.
func TestHandleErrorsOfAnotherSite(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{
		Sites: `http://pages.localhost:<HTTPPORT> {
			wechat_auth
			reverse_proxy <UPSTREAM>
			handle_errors {
				respond "a page"
			}
		}
		http://some.localhost:<HTTPPORT> {
			wechat_auth
			handle_errors 502 {
				respond "bad gateway"
			}
		}`,
	})
	for host, page := range map[string]bool{"pages.localhost": true, "some.localhost": false, "localhost": false} {
		got := gw.H1.Do(t, gatewaytest.Call{Target: "/api", Host: host + gw.HTTP[strings.Index(gw.HTTP, ":"):]})
		gatewaytest.RequireStatus(t, got, 401)
		if (got.Body == "a page") != page || !page && !strings.HasPrefix(got.Body, `{"error":`) {
			t.Errorf("%s: %q", host, got.Body)
		}
		if got.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no challenge", host)
		}
	}
}

// What the gate lets through and the backend refuses is the backend's word.
func TestUpstreamErrorsPass(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Upstream.SetAnswer(func(gatewaytest.Request) string {
		return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest\r\nContent-Length: 4\r\n\r\nmine"
	})
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		got := c.Do(t, gatewaytest.Call{Target: "/api", Token: token})
		if got.Status != 401 || got.Header.Get("WWW-Authenticate") != "Digest" || got.Body != "mine" {
			t.Errorf("%v", got)
		}
	})
}
