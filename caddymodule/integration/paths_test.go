// paths_test.go: paths that the gateway and the backend could read in two ways
// (C8), and metadata that must decide nothing (C9).

package integration

import "testing"

// notPublic are paths that must not be let in by "public /public/* /healthz /",
// because a backend may find another resource there.
var notPublic = []string{
	"/api/me", "/public", "/publicx", "/PUBLIC/x", "/Public/x", "/healthz/", "/healthz/x", "/HEALTHZ", "/healthz;a", "/healthz%00",
	"//public/x", "//healthz", "/./public/x", "/x/../public/x",
	"/public/../api/me", "/public/..", "/public/.", "/public/./x", "/public/x/..", "/public/...", "/public/.../api",
	"/public/..;/api/me", "/public/..;a=b/api/me", "/public/;/../api/me", "/public/x;y", "/public/x%3by", "/public/%3b/x",
	"/public/%2e%2e/api/me", "/public/%2E%2E/api/me", "/public/.%2e/api/me", "/public/%2e/x", "/public/%2e%2e%2fapi%2fme",
	"/public/..%2fapi%2fme", "/public%2fx", "/public%2Fx", "/public/a%2fb", "/%2fpublic/x", "/%70ublic/..%2f", "/public/%2f..%2fapi",
	"/public/..%5capi%5cme", "/public/%5c..%5capi", "/public%5cx", "/public/a%5Cb",
	"/public/%252e%252e/api/me", "/public/%25", "/public/%2541", "/public/%252f..%252fapi",
	"/public/%00", "/public/x%00.png", "/public/%0a", "/public/%0d%0aX", "/public/%7f", "/public/%09",
	"/public/%c0%ae%c0%ae/api", "/public/%ff", "/public/%80",
	"/public/..%20/api", "/public/..%20./api", "/public/%2e%20/x",
	// what a backend that brings text into NFKC takes for / \ . and ;
	"/public/..%ef%bc%8fapi%ef%bc%8fme", "/public/..%e2%88%95api", "/public/..%ef%bc%bcapi", "/public/%ef%bc%8e%ef%bc%8e/api", "/public/%e2%80%a5/api",
	"/public/%e2%80%a4%e2%80%a4/api", "/public/..%ef%bc%9b/api", "/public/..%c2%a0/api", "/public/%ef%bc%852e%ef%bc%852e/api",
	"/public/%ef%b8%b0/api/me", "/public/%ef%b8%99/api/me", "/public/..%ef%b9%94/api/me", "/public/..%ef%bc%9bx/api/me", "/public/..%cd%bex/api/me",
	"/public/..%e2%80%82/api", "/public/..%e2%80%8b/api", "/public/..%e2%84%80/api", "/public/x%ef%bc%9fy",
	"/public/x%23y", "/public/x%3fy",
	"/api?/public/x", "/api%3f/public/x", "/api/public/x",
}

// isPublic are paths that it does let in.
var isPublic = []string{
	"/public/", "/public/x", "/public/x/y.z", "/public/x?y", "/public/x?../../api/me", "/public/a%20b", "/public/%c3%bc",
	"/public/a%e2%80%a6", "/public/%e8%af%b4%ef%bc%9b%e6%98%8e", "/public/.well-known/x", "/public/..x", "/public/x..", "/public/a+b,c=d&e@f:g!$'()*", "/healthz", "/healthz?;\\", "/%70ublic/x",
	"/", "/?x",
}

// A client without a session looks for a path that our check takes for a public
// one, and the backend, which gets it as it was sent, for another.
func TestPublicPaths(t *testing.T) {
	gw := start(t, setup{Auth: publicAuth})
	token := login(t, gw, alice)
	gw.each(t, func(t *testing.T, c *client) {
		for _, target := range notPublic {
			got, err := c.exact(t, exactCall{Target: target})
			if err == nil && got.Status != 401 && got.Status != 400 {
				t.Errorf("%s: status %d", target, got.Status)
			}
			requireNoUpstream(t, gw)

			// it is the session that lacks: with one, the backend gets the path as it was sent
			got, err = c.exact(t, exactCall{Target: target, Fields: []field{bearer(token)}})
			if err != nil || got.Status == 400 {
				continue // not HTTP
			}
			requireStatus(t, got, 200)
			seen := gw.up.only(t)
			requireIdentity(t, seen, alice)
			if seen.Target != target {
				t.Errorf("%s was sent on as %s", target, seen.Target)
			}
		}
		for _, target := range isPublic {
			got, err := c.exact(t, exactCall{Target: target})
			if err != nil || got.Status != 200 {
				t.Errorf("%s: %v %v", target, got, err)
				continue
			}
			seen := gw.up.only(t)
			requireAnonymous(t, seen)
			if seen.Target != target {
				t.Errorf("%s was sent on as %s", target, seen.Target)
			}
		}
	})
}

// Request lines that are no plain path: only HTTP/1.1 has them.
func TestOddRequestTargets(t *testing.T) {
	gw := start(t, setup{Auth: publicAuth})
	for _, target := range []string{
		"http://<HTTP>/public/../api/me", "http://<HTTP>/api/me?/public/", "http://<HTTP>/public/..%2fapi", "http://<HTTP>/public;/x",
		"http://user@<HTTP>/api/me", "/public/..\\api\\me", "/public/x\\y", "\\public/x", "/public/x#/../..", "/api/me#/public/x",
		"*", "public/x", "?/public/x", "/public/%", "/public/%zz", "/public/\x01", "/public/ü/../..",
		"http://<HTTP>//public/x", "HTTP://<HTTP>/PUBLIC/x", "ws://<HTTP>/api", "/public/x HTTP/1.1", "//evil.example/public/x", "///public/x",
	} {
		conn := dialRaw(t, gw.HTTP)
		conn.send(t, crlf(gw.fill("GET "+target+" HTTP/1.1\nHost: <HTTP>\nConnection: close\n\n")))
		if got := conn.read(t, "GET"); got.Status != 401 && got.Status != 400 {
			t.Errorf("%s: status %d", target, got.Status)
		}
		conn.Close()
		requireNoUpstream(t, gw)
	}
	// the absolute form of a public path is that path
	requireStatus(t, rawHTTP(t, gw.HTTP, gw.fill("GET http://<HTTP>/public/x HTTP/1.1\nHost: <HTTP>\n\n")), 200)
	requireAnonymous(t, gw.up.only(t))
}

// A matcher says what is protected, and Caddy's path matcher reads a cleaned
// path: the documentation leads with "public" for that reason. What holds even
// so: nobody gets an identity on these paths that no session gave.
func TestMatcher(t *testing.T) {
	gw := start(t, setup{Auth: "wechat_auth /api/* {\n public /api/open\n}"})
	token := login(t, gw, alice)
	gw.each(t, func(t *testing.T, c *client) {
		for target, protected := range map[string]bool{
			"/api/me": true, "/API/me": true, "/api/": true, "//api/me": true, "/x/../api/me": true, "/api/open/": true, "/api/%6fpen;": true,
			"/api/open": false, "/": false, "/other": false,
			// the hazard of matchers, as the contract tells it
			"/api": false, "/api;x/me": false, "/%5capi/me": false,
		} {
			forged := fields("X-WeChat-OpenID", eve, "X_WX_OpenID", eve)
			got, err := c.exact(t, exactCall{Target: target, Fields: forged})
			if err != nil {
				t.Fatalf("%s: %v", target, err)
			}
			if protected {
				if requireRefused(t, got); got.Status == 401 {
					requireNoUpstream(t, gw)
				}
			} else {
				requireStatus(t, got, 200)
				requireAnonymous(t, gw.up.only(t))
				// a bad token is nobody's, and does not get in the way
				got, _ = c.exact(t, exactCall{Target: target, Fields: append(forged, bearer(token+"x"))})
				requireStatus(t, got, 200)
				requireAnonymous(t, gw.up.only(t))
			}
			got, err = c.exact(t, exactCall{Target: target, Fields: append(forged, bearer(token))})
			if err != nil || got.Status != 200 {
				t.Fatalf("%s with a token: %v %v", target, got, err)
			}
			requireIdentity(t, gw.up.only(t), alice)
		}
	})
}

// The endpoints are where the decoded path says, and nothing below the prefix
// ever reaches the backend, whatever the matcher and "public" say.
func TestPrefix(t *testing.T) {
	gw := start(t, setup{Auth: "wechat_auth /api/* {\n prefix /auth/wx\n public /auth/*\n}"})
	gw.each(t, func(t *testing.T, c *client) {
		for target, status := range map[string]int{
			"/auth/wx/session": 401, "/auth/%77x/session": 401, "/auth/wx%2fsession": 401, "/auth/wx/": 404, "/auth/wx/../x": 404,
			"/auth/wx//session": 404, "/auth/wx/session/": 404, "/auth/wx/Session": 404, "/auth/wx/session;x": 404, "/auth/wx/%2e%2e/x": 404,
			"/auth/wx/login": 405, "/auth/wx/jwks.json": 404,
		} {
			got, err := c.exact(t, exactCall{Target: target})
			if err != nil || got.Status != status {
				t.Errorf("%s: %d %v; want %d", target, got.Status, err, status)
			}
			requireNoUpstream(t, gw)
		}
		for _, target := range []string{"/auth/wx", "/auth/wxx/session", "/wechat/session", "/AUTH/wx/session"} {
			got, err := c.exact(t, exactCall{Target: target})
			if err != nil || got.Status != 200 {
				t.Errorf("%s: %d %v; want 200", target, got.Status, err)
			}
			gw.up.Reset()
		}
	})
}

// Other gateways were talked out of a check by a header that claimed another
// path, method, client or health probe.
func TestMetadataDecidesNothing(t *testing.T) {
	gw := start(t, setup{Auth: publicAuth})
	gw.each(t, func(t *testing.T, c *client) {
		for _, f := range fields(
			"X-Original-URL", "/public/x", "X-Original-URI", "/public/x", "X-Rewrite-URL", "/public/x", "X-Forwarded-Uri", "/public/x",
			"X-Forwarded-Prefix", "/public", "X-Forwarded-Path", "/public/x", "X-Forwarded-Method", "OPTIONS", "X-HTTP-Method-Override", "OPTIONS",
			"X-HTTP-Method", "OPTIONS", "X-Method-Override", "OPTIONS", "X-Forwarded-For", "127.0.0.1", "X-Real-IP", "127.0.0.1",
			"X-Forwarded-Host", "internal", "Forwarded", "for=127.0.0.1;host=internal", "X-Forwarded-Proto", "https",
			"User-Agent", "kube-probe/1.30", "User-Agent", "GoogleHC/1.0", "User-Agent", "ELB-HealthChecker/2.0",
			"Referer", "https://servicewechat.com/"+appA+"/1/page-frame.html", "Access-Control-Request-Method", "GET",
			"X-Auth-Request-User", alice, "Remote-User", alice, "Authorization", "Basic YWRtaW46YWRtaW4=", "X-Wechat", alice,
		) {
			for _, target := range []string{"/api/me", "/api/me?/public/x", "/wechat/session"} {
				got, err := c.exact(t, exactCall{Target: target, Fields: []field{f}})
				if err != nil {
					t.Fatal(err)
				}
				if requireRefused(t, got); t.Failed() {
					t.Fatalf("%s with %v", target, f)
				}
			}
			requireNoUpstream(t, gw)
		}
		got, err := c.exact(t, exactCall{Method: "OPTIONS", Target: "/api/me"})
		if err != nil {
			t.Fatal(err)
		}
		requireRefused(t, got)
	})
}
