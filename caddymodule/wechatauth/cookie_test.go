// cookie_test.go: the session cookie: its attributes, and who may use it (L5,
// H2 of the threat list).

package wechatauth_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// The cookie is exactly this, or a browser keeps it where it should not.
func TestCookieAttributes(t *testing.T) {
	for line, name := range map[string]string{
		"cookie": gatewaytest.CookieName, "cookie shop": "__Host-shop", "cookie __Host-x": "__Host-x",
	} {
		t.Run(line, func(t *testing.T) {
			gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: "wechat_auth {\n " + line + "\n}", Wechat: "session_lifetime 2h\n"})
			gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
				got := c.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice))
				gatewaytest.RequireStatus(t, got, 200)
				var answer struct{ Token string }
				if err := json.Unmarshal([]byte(got.Body), &answer); err != nil {
					t.Fatal(err)
				}
				const attributes = "HttpOnly; Secure; SameSite=Lax"
				requireSetCookie(t, got, name+"="+answer.Token+"; Path=/; Max-Age=7200; "+attributes, name+"="+answer.Token+"; Path=/; Max-Age=7199; "+attributes)

				own := gatewaytest.Header("Cookie", name+"="+answer.Token)
				gatewaytest.RequireStatus(t, c.Do(t, gatewaytest.Call{Target: "/api", Header: own}), 200)
				gatewaytest.RequireIdentity(t, gw.Upstream.Only(t), gatewaytest.Alice)
				got = c.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Header: own})
				gatewaytest.RequireStatus(t, got, 204)
				requireSetCookie(t, got, name+"=; Path=/; Max-Age=0; "+attributes)
				gatewaytest.RequireRefused(t, c.Do(t, gatewaytest.Call{Target: "/api", Header: own}))
			})
		})
	}
}

func requireSetCookie(t *testing.T, got gatewaytest.Reply, oneOf ...string) {
	t.Helper()
	lines := got.Header.Values("Set-Cookie")
	for _, want := range oneOf {
		if len(lines) == 1 && lines[0] == want {
			return
		}
	}
	t.Errorf("Set-Cookie %q; want %q", lines, oneOf[0])
}

// Without the option there is no cookie, neither out nor in.
func TestNoCookie(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	got := gw.H1.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice))
	if v := got.Header.Values("Set-Cookie"); len(v) > 0 {
		t.Errorf("Set-Cookie %q", v)
	}
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gatewaytest.RequireRefused(t, gw.H1.Do(t, gatewaytest.Call{Target: "/api", Header: gatewaytest.Header("Cookie", gatewaytest.CookieName+"="+token)}))
	gatewaytest.RequireNoUpstream(t, gw)
}

// A page of another origin posts the attacker's code, so that the victim works in the
// attacker's account; or logs the victim out; or has the browser post to the backend with
// the victim's cookie. Its login is answered without a cookie; the rest is refused.
func TestForeignOrigin(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Sim: gatewaytest.FreshKeys(), Auth: "wechat_auth {\n public /public/*\n cookie\n}"})
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for name, test := range map[string]struct {
			list    []gatewaytest.Field
			allowed bool
		}{
			"no browser":        {nil, true},
			"own page":          {gatewaytest.Fields("Origin", c.Base, "Sec-Fetch-Site", "same-origin"), true},
			"typed in":          {gatewaytest.Fields("Sec-Fetch-Site", "none"), true},
			"foreign":           {gatewaytest.Fields("Origin", "https://evil.example"), false},
			"null":              {gatewaytest.Fields("Origin", "null"), false},
			"empty":             {gatewaytest.Fields("Origin", ""), false},
			"prefix":            {gatewaytest.Fields("Origin", c.Base+".evil.example"), false},
			"other port":        {gatewaytest.Fields("Origin", "https://localhost:1"), false},
			"other scheme":      {gatewaytest.Fields("Origin", "ftp://"+c.Addr), false},
			"cross-site":        {gatewaytest.Fields("Sec-Fetch-Site", "cross-site"), false},
			"same-site":         {gatewaytest.Fields("Sec-Fetch-Site", "same-site"), false},
			"site says foreign": {gatewaytest.Fields("Origin", c.Base, "Sec-Fetch-Site", "cross-site"), false},
			// the browser's word; behind a proxy that rewrites Host the two differ
			"browser vouches":    {gatewaytest.Fields("Origin", "https://shop.example.com", "Sec-Fetch-Site", "same-origin"), true},
			"two sites":          {gatewaytest.Fields("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Site", "cross-site"), false},
			"two origins":        {gatewaytest.Fields("Origin", c.Base, "Origin", "https://evil.example"), false},
			"list of origins":    {gatewaytest.Fields("Origin", c.Base+" https://evil.example"), false},
			"forwarded host":     {gatewaytest.Fields("Origin", "https://evil.example", "X-Forwarded-Host", "evil.example"), false},
			"capitals":           {gatewaytest.Fields("Origin", strings.Replace(c.Base, "localhost", "LocalHost", 1)), false}, // no browser sends any
			"in the form's type": {gatewaytest.Fields("Origin", "https://evil.example", "X-Content-Type", "text/plain"), false},
		} {
			token := gatewaytest.Login(t, gw, gatewaytest.Alice)
			x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Eve)
			list := append(gatewaytest.Fields("Content-Type", "application/json"), test.list...)
			got, err := c.Exact(t, gatewaytest.ExactCall{Method: "POST", Target: x.Target, Body: x.Body, Fields: list})
			if err != nil || got.Status != 200 {
				t.Errorf("login, %s: %v %v", name, got, err)
			}
			if set := len(got.Header.Values("Set-Cookie")) > 0; set != test.allowed {
				t.Errorf("login, %s: a cookie was set: %v", name, set)
			}
			list = append(gatewaytest.Fields("Cookie", gatewaytest.CookieName+"="+token), test.list...)
			got, err = c.Exact(t, gatewaytest.ExactCall{Method: "POST", Target: x.Target, Body: string(gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Eve).Body), Fields: append(gatewaytest.Fields("Content-Type", "application/json"), list...)})
			if err != nil || got.Status != 200 || gatewaytest.Alive(t, gw, token) == test.allowed {
				t.Errorf("login with a cookie, %s: %v %v", name, got, err)
			}
			token = gatewaytest.Login(t, gw, gatewaytest.Alice)
			list = append(gatewaytest.Fields("Cookie", gatewaytest.CookieName+"="+token), test.list...)
			for _, method := range []string{"POST", "DELETE", "PATCH"} {
				for _, target := range []string{"/api", "/public/x"} {
					got, err = c.Exact(t, gatewaytest.ExactCall{Method: method, Target: target, Fields: list})
					if err != nil || (got.Status == 200) != test.allowed || !test.allowed && got.Status != 403 {
						t.Errorf("%s %s with a cookie, %s: %v %v", method, target, name, got, err)
					}
				}
			}
			for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
				if got, err = c.Exact(t, gatewaytest.ExactCall{Method: method, Target: "/api", Fields: list}); err != nil || got.Status != 200 {
					t.Errorf("%s with a cookie, %s: %v %v", method, name, got, err)
				}
			}
			// who knows the token is no page that has a browser send a cookie
			for _, more := range [][]gatewaytest.Field{{gatewaytest.Bearer(token)}, append(gatewaytest.Fields("Cookie", gatewaytest.CookieName+"="+token), gatewaytest.Bearer(token))} {
				if got, err = c.Exact(t, gatewaytest.ExactCall{Method: "POST", Target: "/api", Fields: append(more, test.list...)}); err != nil || got.Status != 200 {
					t.Errorf("with a bearer token, %s: %v %v", name, got, err)
				}
			}
			gw.Upstream.Reset()
			got, err = c.Exact(t, gatewaytest.ExactCall{Method: "POST", Target: "/wechat/logout", Fields: list})
			if err != nil || (got.Status == 204) != test.allowed || !test.allowed && got.Status != 403 {
				t.Errorf("logout, %s: %v %v", name, got, err)
			}
			if alive := c.Do(t, gatewaytest.Call{Target: "/wechat/session", Token: token}).Status == 200; alive == test.allowed {
				t.Errorf("logout, %s: the session lives: %v", name, alive)
			}
		}
	})
}

// A browser's form cannot send JSON: what it can send is no login.
func TestLoginTakesJSONOnly(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: cookieAuth})
	for _, contentType := range []string{
		"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json, text/plain",
		"text/plain; application/json", "application/jsonp", "application/json; charset=gbk", "application/problem+json",
	} {
		x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
		got := gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: x.Target, Body: x.Body, Header: gatewaytest.Header("Content-Type", contentType)})
		gatewaytest.RequireStatus(t, got, 415)
	}
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "GET", Target: "/wechat/login?code=x"}), 405)
	if n := gw.Sim.CountCalls("/sns/jscode2session"); n != 0 {
		t.Errorf("WeChat was asked %d times", n)
	}
}

// A fresh login never keeps a session that was there before, whoever planted it:
// it gets a new one, and the one presented ends.
func TestLoginFixation(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: cookieAuth})
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, name := range []string{"Cookie", "Authorization"} {
			planted := gatewaytest.Login(t, gw, gatewaytest.Eve)
			x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
			x.Header.Set(name, map[string]string{"Cookie": gatewaytest.CookieName + "=" + planted, "Authorization": "Bearer " + planted}[name])
			got := c.Do(t, x)
			gatewaytest.RequireStatus(t, got, 200)
			if strings.Contains(fmt.Sprint(got), planted) {
				t.Error("the login gave the old token")
			}
			gatewaytest.RequireRefused(t, c.Do(t, gatewaytest.Call{Target: "/api", Token: planted}))
		}
	})
}

// The backend answers with a cookie of the same name. It is the site's own
// server and may; the gateway believes no token that it did not make.
func TestUpstreamSetsTheCookie(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: cookieAuth})
	gw.Upstream.SetAnswer(func(gatewaytest.Request) string {
		return "HTTP/1.1 200 OK\r\nSet-Cookie: " + gatewaytest.CookieName + "=forged; Path=/; Secure\r\nContent-Length: 0\r\n\r\n"
	})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Target: "/api", Token: token}), 200)
	gw.Upstream.Reset()
	gatewaytest.RequireRefused(t, gw.H1.Do(t, gatewaytest.Call{Target: "/api", Header: gatewaytest.Header("Cookie", gatewaytest.CookieName+"=forged")}))
	gatewaytest.RequireNoUpstream(t, gw)
}

// A page of another origin, which may be one of a sibling domain, lets the user's
// browser write to the backend with the cookie: on no path, and whatever the method.
// What it has a token for, and what reads, is as ever.
func TestForeignPageWrites(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: cookieAuth})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	cookie := gatewaytest.CookieName + "=" + token
	for name, test := range map[string]struct {
		gatewaytest.Call
		status int
	}{
		"a form":                 {gatewaytest.Call{Method: "POST", Target: "/transfer", Header: gatewaytest.Header("Cookie", cookie, "Sec-Fetch-Site", "same-site", "Origin", "http://evil.localhost")}, 403},
		"an old browser's":       {gatewaytest.Call{Method: "POST", Target: "/transfer", Header: gatewaytest.Header("Cookie", cookie, "Origin", "https://evil.example")}, 403},
		"a script's DELETE":      {gatewaytest.Call{Method: "DELETE", Target: "/orders/1", Header: gatewaytest.Header("Cookie", cookie, "Sec-Fetch-Site", "cross-site")}, 403},
		"an unknown method":      {gatewaytest.Call{Method: "FROB", Target: "/orders/1", Header: gatewaytest.Header("Cookie", cookie, "Sec-Fetch-Site", "cross-site")}, 403},
		"on a public path":       {gatewaytest.Call{Method: "POST", Target: "/public/x", Header: gatewaytest.Header("Cookie", cookie, "Sec-Fetch-Site", "cross-site")}, 403},
		"public, no cookie":      {gatewaytest.Call{Method: "POST", Target: "/public/x", Header: gatewaytest.Header("Sec-Fetch-Site", "cross-site")}, 200},
		"no cookie":              {gatewaytest.Call{Method: "POST", Target: "/transfer", Header: gatewaytest.Header("Sec-Fetch-Site", "cross-site")}, 401},
		"a cookie of nobody":     {gatewaytest.Call{Method: "POST", Target: "/transfer", Header: gatewaytest.Header("Cookie", gatewaytest.CookieName+"=x", "Sec-Fetch-Site", "cross-site")}, 401},
		"a token":                {gatewaytest.Call{Method: "POST", Target: "/transfer", Token: token, Header: gatewaytest.Header("Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")}, 200},
		"a read":                 {gatewaytest.Call{Target: "/orders", Header: gatewaytest.Header("Cookie", cookie, "Sec-Fetch-Site", "cross-site")}, 200},
		"its own page":           {gatewaytest.Call{Method: "POST", Target: "/transfer", Header: gatewaytest.Header("Cookie", cookie, "Sec-Fetch-Site", "same-origin")}, 200},
		"no browser":             {gatewaytest.Call{Method: "POST", Target: "/transfer", Header: gatewaytest.Header("Cookie", cookie)}, 200},
		"a typed address (none)": {gatewaytest.Call{Method: "POST", Target: "/transfer", Header: gatewaytest.Header("Cookie", cookie, "Sec-Fetch-Site", "none")}, 200},
	} {
		got := gw.H1.Do(t, test.Call)
		if got.Status != test.status {
			t.Errorf("%s: %d; want %d", name, got.Status, test.status)
		}
		if test.status == 403 {
			gatewaytest.RequireProblem(t, got, 403, "access_denied")
			gatewaytest.RequireNoUpstream(t, gw)
		} else {
			gw.Upstream.Reset()
		}
	}
}
