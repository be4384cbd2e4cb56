// errors_answer_test.go: error routes that answer nothing leave the refusal's JSON body.

package wechatauth_test

import (
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// Lines of handle_errors that only set headers, or pass a request on, are no answer: the
// client still gets the gateway's JSON, and the headers.
func TestErrorRouteWithoutAnswer(t *testing.T) {
	for name, lines := range map[string]string{
		"a header":               "header X-Page yes",
		"a header, afterwards":   "header {\n defer\n X-Page yes\n -Server\n}",
		"for some statuses":      "@401 expression {err.status_code} == 401\nheader @401 X-Page yes",
		"in a handle":            "handle {\n header X-Page yes\n}",
		"in a route":             "route {\n header X-Page yes\n vars a b\n}",
		"with a rewrite":         "header X-Page yes\nrewrite * /page",
		"compressed":             "header X-Page yes\nencode",
		"of a named route":       "invoke pages",
		"a file that is missing": "header X-Page yes\nroot <DIR>\nfile_server {\n pass_thru\n}",
		"an error":               "header X-Page yes\nroute {\n error 404\n}",
		"a dead backend":         "header X-Page yes\nreverse_proxy 127.0.0.1:1",
	} {
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.Start(t, gatewaytest.Setup{
				Site:  "wechat_auth\nreverse_proxy <UPSTREAM>\nhandle_errors {\n" + lines + "\n}",
				Sites: "&(pages) {\n header X-Page yes\n}",
			})
			gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
				for token, challenged := range map[string]string{"": `Bearer realm="wechat"`, "x.y.z": challenge} {
					got := c.Do(t, gatewaytest.Call{Target: "/api/me", Token: token})
					gatewaytest.RequireProblem(t, got, 401, "invalid_token")
					if v := got.Header.Values("WWW-Authenticate"); len(v) != 1 || v[0] != challenged {
						t.Errorf("WWW-Authenticate %q", v)
					}
					if v := got.Header.Values("X-Page"); len(v) != 1 || v[0] != "yes" {
						t.Errorf("X-Page %q", v)
					}
				}
				got := c.Do(t, gatewaytest.Call{Method: "HEAD", Target: "/api/me"})
				if got.Status != 401 || got.Body != "" || got.Header.Get("Content-Type") != "application/json; charset=utf-8" {
					t.Errorf("HEAD: %v", got)
				}
				gatewaytest.RequireNoUpstream(t, gw)
			})
		})
	}
}

// An answer that has no body is one: what the site says counts.
func TestErrorRouteAnswersWithoutBody(t *testing.T) {
	for name, test := range map[string]struct {
		lines, location string
		status          int
	}{
		"the same status": {"respond 401", "", 401},
		"another status":  {"respond 404", "", 404},
		"a redirect":      {"redir * /login.html", "/login.html", 302},
		"a backend":       {"rewrite * /page\nreverse_proxy <UPSTREAM>", "", 401},
	} {
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.Start(t, gatewaytest.Setup{Site: "wechat_auth\nreverse_proxy <UPSTREAM>\nhandle_errors {\n" + test.lines + "\n}"})
			gw.Upstream.SetAnswer(func(gatewaytest.Request) string { return "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n" })
			gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
				got := c.Do(t, gatewaytest.Call{Target: "/api/me"})
				if got.Status != test.status || got.Body != "" || got.Header.Get("Location") != test.location {
					t.Errorf("%v", got)
				}
			})
		})
	}
}

// What fails before the gate and behind it is none of the gateway's refusals, and gets no
// body of its making.
func TestOtherErrorsKeepTheirBody(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Site: basicAuth + "wechat_auth {\n app " + gatewaytest.AppA + "\n public /public/*\n}\nreverse_proxy 127.0.0.1:1\nhandle_errors {\n header X-Page yes\n}"})
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		if got := c.Do(t, gatewaytest.Call{Target: "/public/x"}); got.Status != 401 || got.Body != "" || got.Header.Get("X-Page") != "yes" {
			t.Errorf("%v", got)
		}
	})
}
