// paths_test.go: paths that the gateway and the backend could read in two ways
// (C8), and metadata that must decide nothing (C9).

package wechatauth_test

import (
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// isPublic are paths that it does let in.
var isPublic = []string{
	"/public/", "/public/x", "/public/x/y.z", "/public/x?y", "/public/x?../../api/me", "/public/a%20b", "/public/%c3%bc",
	"/public/a%e2%80%a6", "/public/%e8%af%b4%ef%bc%9b%e6%98%8e", "/public/.well-known/x", "/public/..x", "/public/x..", "/public/a+b,c=d&e@f:g!$'()*", "/healthz", "/healthz?;\\", "/%70ublic/x",
	"/", "/?x",
}

// A client without a session looks for a path that our check takes for a public
// one, and the backend, which gets it as it was sent, for another.
func TestPublicPaths(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, target := range gatewaytest.NotPublic {
			got, err := c.Exact(t, gatewaytest.ExactCall{Target: target})
			if err == nil && got.Status != 401 && got.Status != 400 {
				t.Errorf("%s: status %d", target, got.Status)
			}
			gatewaytest.RequireNoUpstream(t, gw)

			// it is the session that lacks: with one, the backend gets the path as it was sent
			got, err = c.Exact(t, gatewaytest.ExactCall{Target: target, Fields: []gatewaytest.Field{gatewaytest.Bearer(token)}})
			if err != nil || got.Status == 400 {
				continue // not HTTP
			}
			gatewaytest.RequireStatus(t, got, 200)
			seen := gw.Upstream.Only(t)
			gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
			if seen.Target != target {
				t.Errorf("%s was sent on as %s", target, seen.Target)
			}
		}
		for _, target := range isPublic {
			got, err := c.Exact(t, gatewaytest.ExactCall{Target: target})
			if err != nil || got.Status != 200 {
				t.Errorf("%s: %v %v", target, got, err)
				continue
			}
			seen := gw.Upstream.Only(t)
			gatewaytest.RequireAnonymous(t, seen)
			if seen.Target != target {
				t.Errorf("%s was sent on as %s", target, seen.Target)
			}
		}
	})
}

// Request lines that are no plain path: only HTTP/1.1 has them.
func TestOddRequestTargets(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	for _, target := range []string{
		"http://<HTTP>/public/../api/me", "http://<HTTP>/api/me?/public/", "http://<HTTP>/public/..%2fapi", "http://<HTTP>/public;/x",
		"http://user@<HTTP>/api/me", "/public/..\\api\\me", "/public/x\\y", "\\public/x", "/public/x#/../..", "/api/me#/public/x",
		"*", "public/x", "?/public/x", "/public/%", "/public/%zz", "/public/\x01", "/public/ü/../..",
		"http://<HTTP>//public/x", "HTTP://<HTTP>/PUBLIC/x", "ws://<HTTP>/api", "/public/x HTTP/1.1", "//evil.example/public/x", "///public/x",
	} {
		conn := gatewaytest.DialRaw(t, gw.HTTP)
		conn.Send(t, gatewaytest.CRLF(gw.Fill("GET "+target+" HTTP/1.1\nHost: <HTTP>\nConnection: close\n\n")))
		if got := conn.ReadReply(t, "GET"); got.Status != 401 && got.Status != 400 {
			t.Errorf("%s: status %d", target, got.Status)
		}
		conn.Close()
		gatewaytest.RequireNoUpstream(t, gw)
	}
	// the absolute form of a public path is that path
	gatewaytest.RequireStatus(t, gatewaytest.RawHTTP(t, gw.HTTP, gw.Fill("GET http://<HTTP>/public/x HTTP/1.1\nHost: <HTTP>\n\n")), 200)
	gatewaytest.RequireAnonymous(t, gw.Upstream.Only(t))
}

// A matcher says what is protected, and Caddy's path matcher reads a cleaned
// path: the documentation leads with "public" for that reason. What holds even
// so: nobody gets an identity on these paths that no session gave.
func TestMatcher(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: "wechat_auth /api/* {\n public /api/open\n}"})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for target, protected := range map[string]bool{
			"/api/me": true, "/API/me": true, "/api/": true, "//api/me": true, "/x/../api/me": true, "/api/open/": true, "/api/%6fpen;": true,
			"/api/open": false, "/": false, "/other": false,
			// the hazard of matchers, as the contract tells it
			"/api": false, "/api;x/me": false, "/%5capi/me": false,
		} {
			forged := gatewaytest.Fields("X-WeChat-OpenID", gatewaytest.Eve, "X_WX_OpenID", gatewaytest.Eve)
			got, err := c.Exact(t, gatewaytest.ExactCall{Target: target, Fields: forged})
			if err != nil {
				t.Fatalf("%s: %v", target, err)
			}
			if protected {
				if gatewaytest.RequireRefused(t, got); got.Status == 401 {
					gatewaytest.RequireNoUpstream(t, gw)
				}
			} else {
				gatewaytest.RequireStatus(t, got, 200)
				gatewaytest.RequireAnonymous(t, gw.Upstream.Only(t))
				// a bad token is nobody's, and does not get in the way
				got, _ = c.Exact(t, gatewaytest.ExactCall{Target: target, Fields: append(forged, gatewaytest.Bearer(token+"x"))})
				gatewaytest.RequireStatus(t, got, 200)
				gatewaytest.RequireAnonymous(t, gw.Upstream.Only(t))
			}
			got, err = c.Exact(t, gatewaytest.ExactCall{Target: target, Fields: append(forged, gatewaytest.Bearer(token))})
			if err != nil || got.Status != 200 {
				t.Fatalf("%s with a token: %v %v", target, got, err)
			}
			gatewaytest.RequireIdentity(t, gw.Upstream.Only(t), gatewaytest.Alice)
		}
	})
}

// The endpoints are where the decoded path says, and nothing below the prefix
// ever reaches the backend, whatever the matcher and "public" say.
func TestPrefix(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: "wechat_auth /api/* {\n prefix /auth/wx\n public /auth/*\n}"})
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for target, status := range map[string]int{
			"/auth/wx/session": 401, "/auth/%77x/session": 401, "/auth/wx%2fsession": 401, "/auth/wx/": 404, "/auth/wx/../x": 404,
			"/auth/wx//session": 404, "/auth/wx/session/": 404, "/auth/wx/Session": 404, "/auth/wx/session;x": 404, "/auth/wx/%2e%2e/x": 404,
			"/auth/wx/login": 405, "/auth/wx/jwks.json": 404,
		} {
			got, err := c.Exact(t, gatewaytest.ExactCall{Target: target})
			if err != nil || got.Status != status {
				t.Errorf("%s: %d %v; want %d", target, got.Status, err, status)
			}
			gatewaytest.RequireNoUpstream(t, gw)
		}
		for _, target := range []string{"/auth/wx", "/auth/wxx/session", "/wechat/session", "/AUTH/wx/session"} {
			got, err := c.Exact(t, gatewaytest.ExactCall{Target: target})
			if err != nil || got.Status != 200 {
				t.Errorf("%s: %d %v; want 200", target, got.Status, err)
			}
			gw.Upstream.Reset()
		}
	})
}

// Other gateways were talked out of a check by a header that claimed another
// path, method, client or health probe.
func TestMetadataDecidesNothing(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, f := range gatewaytest.Fields(
			"X-Original-URL", "/public/x", "X-Original-URI", "/public/x", "X-Rewrite-URL", "/public/x", "X-Forwarded-Uri", "/public/x",
			"X-Forwarded-Prefix", "/public", "X-Forwarded-Path", "/public/x", "X-Forwarded-Method", "OPTIONS", "X-HTTP-Method-Override", "OPTIONS",
			"X-HTTP-Method", "OPTIONS", "X-Method-Override", "OPTIONS", "X-Forwarded-For", "127.0.0.1", "X-Real-IP", "127.0.0.1",
			"X-Forwarded-Host", "internal", "Forwarded", "for=127.0.0.1;host=internal", "X-Forwarded-Proto", "https",
			"User-Agent", "kube-probe/1.30", "User-Agent", "GoogleHC/1.0", "User-Agent", "ELB-HealthChecker/2.0",
			"Referer", "https://servicewechat.com/"+gatewaytest.AppA+"/1/page-frame.html", "Access-Control-Request-Method", "GET",
			"X-Auth-Request-User", gatewaytest.Alice, "Remote-User", gatewaytest.Alice, "Authorization", "Basic YWRtaW46YWRtaW4=", "X-Wechat", gatewaytest.Alice,
		) {
			for _, target := range []string{"/api/me", "/api/me?/public/x", "/wechat/session"} {
				got, err := c.Exact(t, gatewaytest.ExactCall{Target: target, Fields: []gatewaytest.Field{f}})
				if err != nil {
					t.Fatal(err)
				}
				if gatewaytest.RequireRefused(t, got); t.Failed() {
					t.Fatalf("%s with %v", target, f)
				}
			}
			gatewaytest.RequireNoUpstream(t, gw)
		}
		got, err := c.Exact(t, gatewaytest.ExactCall{Method: "OPTIONS", Target: "/api/me"})
		if err != nil {
			t.Fatal(err)
		}
		gatewaytest.RequireRefused(t, got)
	})
}
