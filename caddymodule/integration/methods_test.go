// methods_test.go: methods, CORS, caches and early data (M14, L4, H23, H26 of the
// threat list).

package integration

import (
	"fmt"
	"strings"
	"testing"
)

// CONNECT is a pipe past every check and TRACE shows the identity headers to the
// client: neither passes, with a session or without.
func TestRefusedMethods(t *testing.T) {
	gw := start(t, setup{Auth: publicAuth})
	token := login(t, gw, alice)
	gw.each(t, func(t *testing.T, c *client) {
		for _, method := range []string{"TRACE", "CONNECT"} {
			for _, target := range []string{"/api", "/public/x", "/wechat/session", c.Addr} {
				for _, list := range [][]field{nil, {bearer(token)}, fields("X-WeChat-OpenID", eve)} {
					got, err := c.exact(t, exactCall{Method: method, Target: target, Fields: list})
					// what is no HTTP in a version ends in 400 or with the stream
					if err == nil && got.Status != 405 && got.Status != 400 && got.Status != 404 {
						t.Errorf("%s %s: %v", method, target, got)
					}
					if got.Status == 405 && got.Header.Get("Allow") == "" {
						t.Errorf("%s %s: no Allow", method, target)
					}
					requireNoUpstream(t, gw)
				}
			}
		}
	})
	got := rawHTTP(t, gw.HTTP, gw.fill("TRACE /api HTTP/1.1\nHost: <HTTP>\nAuthorization: Bearer "+token+"\nX-A: b\n\n"))
	requireStatus(t, got, 405)
	if strings.Contains(fmt.Sprint(got), token) || strings.Contains(got.Body, "X-A") {
		t.Errorf("the request comes back: %v", got)
	}
	got = rawHTTP(t, gw.HTTP, gw.fill("CONNECT <HTTP> HTTP/1.1\nHost: <HTTP>\nAuthorization: Bearer "+token+"\n\n"))
	requireStatus(t, got, 405)
	requireNoUpstream(t, gw)
}

// Every other method is the backend's affair, and every one needs the session.
func TestMethodsPass(t *testing.T) {
	gw := start(t, setup{})
	token := login(t, gw, alice)
	gw.each(t, func(t *testing.T, c *client) {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "get", "X-Odd"} {
			got, err := c.exact(t, exactCall{Method: method, Target: "/api"})
			if err != nil || got.Status != 401 {
				t.Errorf("%s without a token: %v %v", method, got, err)
			}
			if method == "HEAD" && got.Body != "" {
				t.Error("a body after HEAD")
			}
			requireNoUpstream(t, gw)
			got, err = c.exact(t, exactCall{Method: method, Target: "/api", Fields: []field{bearer(token)}})
			if err != nil || got.Status != 200 || (got.Body == "") != (method == "HEAD") {
				t.Errorf("%s with a token: %v %v", method, got, err)
			}
			seen := gw.up.only(t)
			requireIdentity(t, seen, alice)
			if seen.Method != method {
				t.Errorf("%s became %s", method, seen.Method)
			}
		}
	})
}

// A page of another origin asks whether it may read the answers. The gateway
// says nothing about that, and a preflight opens no door.
func TestNoCORS(t *testing.T) {
	gw := start(t, setup{Auth: "wechat_auth {\n cookie\n public /public/*\n}"})
	token := login(t, gw, alice)
	gw.up.SetAnswer(func(request) string { return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" })
	gw.each(t, func(t *testing.T, c *client) {
		for _, origin := range []string{"https://evil.example", "null", c.Base, c.Base + ".evil.example"} {
			for target, want := range map[string][2]int{ // without a token, and with
				"/api": {401, 200}, "/public/x": {200, 200}, "/wechat/session": {401, 200},
			} {
				list := fields("Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
				for i, list := range [][]field{list, append(list, bearer(token))} {
					got, err := c.exact(t, exactCall{Target: target, Fields: list})
					if err != nil || got.Status != want[i] {
						t.Errorf("%s from %s: %v %v; want %d", target, origin, got, err, want[i])
					}
					requireNoCORS(t, got)
				}
				got, err := c.exact(t, exactCall{Method: "OPTIONS", Target: target, Fields: list})
				if err != nil || target == "/wechat/session" && got.Status != 405 || target == "/api" && got.Status != 401 {
					t.Errorf("preflight of %s: %v %v", target, got, err)
				}
				requireNoCORS(t, got)
			}
		}
	})
}

func requireNoCORS(t *testing.T, got reply) {
	t.Helper()
	for name, values := range got.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("%s: %v", name, values)
		}
	}
}

// A cache in front must keep nothing of what the gateway says, and nothing that
// a client sent may come back in it.
func TestNoStore(t *testing.T) {
	gw := start(t, setup{Auth: cookieAuth})
	const marker = "reflect-me-7f3a"
	marks := []string{"X-Forwarded-Host", "X-Forwarded-Proto", "Referer", "User-Agent", "X-Request-Id", "Accept-Language", "Origin"}
	gw.each(t, func(t *testing.T, c *client) {
		token := login(t, gw, alice)
		for _, test := range []struct {
			method, target, token, body string
			status                      int
		}{
			{"GET", "/api", "", "", 401},
			{"GET", "/api", "x.y.z", "", 401},
			{"TRACE", "/api", "", "", 405},
			{"GET", "/wechat/session", token, "", 200},
			{"HEAD", "/wechat/session", token, "", 200},
			{"GET", "/wechat/session", "", "", 401},
			{"GET", "/wechat/" + marker, "", "", 404},
			{"GET", "/wechat/login", "", "", 405},
			{"GET", "/wechat/jwks.json", "", "", 404},
			{"POST", "/wechat/login", "", `{"code":"` + marker + `"}`, 400},
			{"POST", "/wechat/userinfo", token, `{}`, 400},
		} {
			x := exactCall{Method: test.method, Target: test.target, Body: test.body, Fields: fields("Content-Type", "application/json")}
			for _, name := range marks {
				x.Fields = append(x.Fields, field{name, marker})
			}
			if test.token != "" {
				x.Fields = append(x.Fields, bearer(test.token))
			}
			got, err := c.exact(t, x)
			if err != nil || got.Status != test.status {
				t.Errorf("%s %s: %v %v; want %d", test.method, test.target, got, err, test.status)
			}
			if v := got.Header.Values("Cache-Control"); len(v) != 1 || v[0] != "no-store" {
				t.Errorf("%s %s: Cache-Control %q", test.method, test.target, v)
			}
			if strings.Contains(fmt.Sprint(got), marker) {
				t.Errorf("%s %s: what was sent comes back: %v", test.method, test.target, got)
			}
		}
		got := c.do(t, loginCall(gw, appA, alice))
		if v := got.Header.Get("Cache-Control"); got.Status != 200 || v != "no-store" {
			t.Errorf("login: %d, Cache-Control %q", got.Status, v)
		}
		got = c.do(t, call{Method: "POST", Target: "/wechat/logout", Token: token})
		if v := got.Header.Get("Cache-Control"); got.Status != 204 || v != "no-store" {
			t.Errorf("logout: %d, Cache-Control %q", got.Status, v)
		}
	})
}

// Early data can be replayed by whoever recorded it. A proxy in front that took
// a request out of it says so, and no endpoint acts on such a request.
func TestEarlyData(t *testing.T) {
	gw := start(t, setup{})
	token := login(t, gw, alice)
	calls := gw.sim.CountCalls("/sns/jscode2session")
	gw.each(t, func(t *testing.T, c *client) {
		x := loginCall(gw, appA, alice)
		for _, list := range [][]field{fields("Early-Data", "1"), fields("Early-Data", "0", "Early-Data", "1")} {
			got, err := c.exact(t, exactCall{
				Method: "POST", Target: x.Target, Body: x.Body, Fields: append(list, field{"Content-Type", "application/json"}),
			})
			if err != nil || got.Status != 425 {
				t.Errorf("login: %v %v", got, err)
			}
			got, err = c.exact(t, exactCall{Method: "POST", Target: "/wechat/logout", Fields: append(list, bearer(token))})
			if err != nil || got.Status != 425 {
				t.Errorf("logout: %v %v", got, err)
			}
		}
		// the code was not spent on it
		if got := c.do(t, x); got.Status != 200 {
			t.Errorf("login without early data: %v", got)
		}
	})
	requireStatus(t, gw.h1.do(t, call{Target: "/wechat/session", Token: token}), 200)
	if n := gw.sim.CountCalls("/sns/jscode2session") - calls; n != 4 {
		t.Errorf("WeChat was asked %d times; want 4", n)
	}
}
