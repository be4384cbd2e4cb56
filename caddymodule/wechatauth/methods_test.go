// methods_test.go: methods, CORS, caches and early data (M14, L4, H23, H26 of the
// threat list).

package wechatauth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// CONNECT is a pipe past every check and TRACE shows the identity headers to the
// client: neither passes, with a session or without.
func TestRefusedMethods(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, method := range []string{"TRACE", "CONNECT"} {
			for _, target := range []string{"/api", "/public/x", "/wechat/session", c.Addr} {
				for _, list := range [][]gatewaytest.Field{nil, {gatewaytest.Bearer(token)}, gatewaytest.Fields("X-WeChat-OpenID", gatewaytest.Eve)} {
					got, err := c.Exact(t, gatewaytest.ExactCall{Method: method, Target: target, Fields: list})
					// what is no HTTP in a version ends in 400 or with the stream
					if err == nil && got.Status != 405 && got.Status != 400 && got.Status != 404 {
						t.Errorf("%s %s: %v", method, target, got)
					}
					if got.Status == 405 && got.Header.Get("Allow") == "" {
						t.Errorf("%s %s: no Allow", method, target)
					}
					gatewaytest.RequireNoUpstream(t, gw)
				}
			}
		}
	})
	got := gatewaytest.RawHTTP(t, gw.HTTP, gw.Fill("TRACE /api HTTP/1.1\nHost: <HTTP>\nAuthorization: Bearer "+token+"\nX-A: b\n\n"))
	gatewaytest.RequireStatus(t, got, 405)
	if strings.Contains(fmt.Sprint(got), token) || strings.Contains(got.Body, "X-A") {
		t.Errorf("the request comes back: %v", got)
	}
	got = gatewaytest.RawHTTP(t, gw.HTTP, gw.Fill("CONNECT <HTTP> HTTP/1.1\nHost: <HTTP>\nAuthorization: Bearer "+token+"\n\n"))
	gatewaytest.RequireStatus(t, got, 405)
	gatewaytest.RequireNoUpstream(t, gw)
}

// Every other method is the backend's affair, and every one needs the session.
func TestMethodsPass(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "get", "X-Odd"} {
			got, err := c.Exact(t, gatewaytest.ExactCall{Method: method, Target: "/api"})
			if err != nil || got.Status != 401 {
				t.Errorf("%s without a token: %v %v", method, got, err)
			}
			if method == "HEAD" && got.Body != "" {
				t.Error("a body after HEAD")
			}
			gatewaytest.RequireNoUpstream(t, gw)
			got, err = c.Exact(t, gatewaytest.ExactCall{Method: method, Target: "/api", Fields: []gatewaytest.Field{gatewaytest.Bearer(token)}})
			if err != nil || got.Status != 200 || (got.Body == "") != (method == "HEAD") {
				t.Errorf("%s with a token: %v %v", method, got, err)
			}
			seen := gw.Upstream.Only(t)
			gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
			if seen.Method != method {
				t.Errorf("%s became %s", method, seen.Method)
			}
		}
	})
}

// A page of another origin asks whether it may read the answers. The gateway
// says nothing about that, and a preflight opens no door.
func TestNoCORS(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: "wechat_auth {\n cookie\n public /public/*\n}"})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Upstream.SetAnswer(func(gatewaytest.Request) string { return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" })
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, origin := range []string{"https://evil.example", "null", c.Base, c.Base + ".evil.example"} {
			for target, want := range map[string][2]int{ // without a token, and with
				"/api": {401, 200}, "/public/x": {200, 200}, "/wechat/session": {401, 200},
			} {
				list := gatewaytest.Fields("Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
				for i, list := range [][]gatewaytest.Field{list, append(list, gatewaytest.Bearer(token))} {
					got, err := c.Exact(t, gatewaytest.ExactCall{Target: target, Fields: list})
					if err != nil || got.Status != want[i] {
						t.Errorf("%s from %s: %v %v; want %d", target, origin, got, err, want[i])
					}
					requireNoCORS(t, got)
				}
				got, err := c.Exact(t, gatewaytest.ExactCall{Method: "OPTIONS", Target: target, Fields: list})
				if err != nil || target == "/wechat/session" && got.Status != 405 || target == "/api" && got.Status != 401 {
					t.Errorf("preflight of %s: %v %v", target, got, err)
				}
				requireNoCORS(t, got)
			}
		}
	})
}

func requireNoCORS(t *testing.T, got gatewaytest.Reply) {
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
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: cookieAuth})
	const marker = "reflect-me-7f3a"
	marks := []string{"X-Forwarded-Host", "X-Forwarded-Proto", "Referer", "User-Agent", "X-Request-Id", "Accept-Language", "Origin"}
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		token := gatewaytest.Login(t, gw, gatewaytest.Alice)
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
			x := gatewaytest.ExactCall{Method: test.method, Target: test.target, Body: test.body, Fields: gatewaytest.Fields("Content-Type", "application/json")}
			for _, name := range marks {
				x.Fields = append(x.Fields, gatewaytest.Field{Name: name, Value: marker})
			}
			if test.token != "" {
				x.Fields = append(x.Fields, gatewaytest.Bearer(test.token))
			}
			got, err := c.Exact(t, x)
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
		got := c.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice))
		if v := got.Header.Get("Cache-Control"); got.Status != 200 || v != "no-store" {
			t.Errorf("login: %d, Cache-Control %q", got.Status, v)
		}
		got = c.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token})
		if v := got.Header.Get("Cache-Control"); got.Status != 204 || v != "no-store" {
			t.Errorf("logout: %d, Cache-Control %q", got.Status, v)
		}
	})
}

// Early data can be replayed by whoever recorded it. A proxy in front that took
// a request out of it says so, and no endpoint acts on such a request.
func TestEarlyData(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	calls := gw.Sim.CountCalls("/sns/jscode2session")
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
		for _, list := range [][]gatewaytest.Field{gatewaytest.Fields("Early-Data", "1"), gatewaytest.Fields("Early-Data", "0", "Early-Data", "1")} {
			got, err := c.Exact(t, gatewaytest.ExactCall{
				Method: "POST", Target: x.Target, Body: x.Body, Fields: append(list, gatewaytest.Field{Name: "Content-Type", Value: "application/json"}),
			})
			if err != nil || got.Status != 425 {
				t.Errorf("login: %v %v", got, err)
			}
			got, err = c.Exact(t, gatewaytest.ExactCall{Method: "POST", Target: "/wechat/logout", Fields: append(list, gatewaytest.Bearer(token))})
			if err != nil || got.Status != 425 {
				t.Errorf("logout: %v %v", got, err)
			}
		}
		// the code was not spent on it
		if got := c.Do(t, x); got.Status != 200 {
			t.Errorf("login without early data: %v", got)
		}
	})
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/session", Token: token}), 200)
	if n := gw.Sim.CountCalls("/sns/jscode2session") - calls; n != 4 {
		t.Errorf("WeChat was asked %d times; want 4", n)
	}
}
