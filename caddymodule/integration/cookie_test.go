// cookie_test.go: the session cookie: its attributes, and who may use it (L5,
// H2 of the threat list).

package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// The cookie is exactly this, or a browser keeps it where it should not.
func TestCookieAttributes(t *testing.T) {
	for line, name := range map[string]string{
		"cookie": cookieName, "cookie shop": "__Host-shop", "cookie __Host-x": "__Host-x",
	} {
		t.Run(line, func(t *testing.T) {
			gw := start(t, setup{Auth: "wechat_auth {\n " + line + "\n}", Wechat: "session_lifetime 2h\n"})
			gw.each(t, func(t *testing.T, c *client) {
				got := c.do(t, loginCall(gw, appA, alice))
				requireStatus(t, got, 200)
				var answer struct{ Token string }
				if err := json.Unmarshal([]byte(got.Body), &answer); err != nil {
					t.Fatal(err)
				}
				const attributes = "HttpOnly; Secure; SameSite=Lax"
				requireSetCookie(t, got, name+"="+answer.Token+"; Path=/; Max-Age=7200; "+attributes, name+"="+answer.Token+"; Path=/; Max-Age=7199; "+attributes)

				own := header("Cookie", name+"="+answer.Token)
				requireStatus(t, c.do(t, call{Target: "/api", Header: own}), 200)
				requireIdentity(t, gw.up.only(t), alice)
				got = c.do(t, call{Method: "POST", Target: "/wechat/logout", Header: own})
				requireStatus(t, got, 204)
				requireSetCookie(t, got, name+"=; Path=/; Max-Age=0; "+attributes)
				requireRefused(t, c.do(t, call{Target: "/api", Header: own}))
			})
		})
	}
}

func requireSetCookie(t *testing.T, got reply, oneOf ...string) {
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
	gw := start(t, setup{})
	got := gw.h1.do(t, loginCall(gw, appA, alice))
	if v := got.Header.Values("Set-Cookie"); len(v) > 0 {
		t.Errorf("Set-Cookie %q", v)
	}
	token := login(t, gw, alice)
	requireRefused(t, gw.h1.do(t, call{Target: "/api", Header: header("Cookie", cookieName+"="+token)}))
	requireNoUpstream(t, gw)
}

// A page of another origin posts the attacker's code, so that the victim works in the
// attacker's account; or logs the victim out; or has the browser post to the backend with
// the victim's cookie. Its login is answered without a cookie; the rest is refused.
func TestForeignOrigin(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory, Sim: freshKeys(), Auth: "wechat_auth {\n public /public/*\n cookie\n}"})
	gw.each(t, func(t *testing.T, c *client) {
		for name, test := range map[string]struct {
			list    []field
			allowed bool
		}{
			"no browser":        {nil, true},
			"own page":          {fields("Origin", c.Base, "Sec-Fetch-Site", "same-origin"), true},
			"typed in":          {fields("Sec-Fetch-Site", "none"), true},
			"foreign":           {fields("Origin", "https://evil.example"), false},
			"null":              {fields("Origin", "null"), false},
			"empty":             {fields("Origin", ""), false},
			"prefix":            {fields("Origin", c.Base+".evil.example"), false},
			"other port":        {fields("Origin", "https://localhost:1"), false},
			"other scheme":      {fields("Origin", "ftp://"+c.Addr), false},
			"cross-site":        {fields("Sec-Fetch-Site", "cross-site"), false},
			"same-site":         {fields("Sec-Fetch-Site", "same-site"), false},
			"site says foreign": {fields("Origin", c.Base, "Sec-Fetch-Site", "cross-site"), false},
			// the browser's word; behind a proxy that rewrites Host the two differ
			"browser vouches":    {fields("Origin", "https://shop.example.com", "Sec-Fetch-Site", "same-origin"), true},
			"two sites":          {fields("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Site", "cross-site"), false},
			"two origins":        {fields("Origin", c.Base, "Origin", "https://evil.example"), false},
			"list of origins":    {fields("Origin", c.Base+" https://evil.example"), false},
			"forwarded host":     {fields("Origin", "https://evil.example", "X-Forwarded-Host", "evil.example"), false},
			"capitals":           {fields("Origin", strings.Replace(c.Base, "localhost", "LocalHost", 1)), false}, // no browser sends any
			"in the form's type": {fields("Origin", "https://evil.example", "X-Content-Type", "text/plain"), false},
		} {
			token := login(t, gw, alice)
			x := loginCall(gw, appA, eve)
			list := append(fields("Content-Type", "application/json"), test.list...)
			got, err := c.exact(t, exactCall{Method: "POST", Target: x.Target, Body: x.Body, Fields: list})
			if err != nil || got.Status != 200 {
				t.Errorf("login, %s: %v %v", name, got, err)
			}
			if set := len(got.Header.Values("Set-Cookie")) > 0; set != test.allowed {
				t.Errorf("login, %s: a cookie was set: %v", name, set)
			}
			list = append(fields("Cookie", cookieName+"="+token), test.list...)
			got, err = c.exact(t, exactCall{Method: "POST", Target: x.Target, Body: string(loginCall(gw, appA, eve).Body), Fields: append(fields("Content-Type", "application/json"), list...)})
			if err != nil || got.Status != 200 || alive(t, gw, token) == test.allowed {
				t.Errorf("login with a cookie, %s: %v %v", name, got, err)
			}
			token = login(t, gw, alice)
			list = append(fields("Cookie", cookieName+"="+token), test.list...)
			for _, method := range []string{"POST", "DELETE", "PATCH"} {
				for _, target := range []string{"/api", "/public/x"} {
					got, err = c.exact(t, exactCall{Method: method, Target: target, Fields: list})
					if err != nil || (got.Status == 200) != test.allowed || !test.allowed && got.Status != 403 {
						t.Errorf("%s %s with a cookie, %s: %v %v", method, target, name, got, err)
					}
				}
			}
			for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
				if got, err = c.exact(t, exactCall{Method: method, Target: "/api", Fields: list}); err != nil || got.Status != 200 {
					t.Errorf("%s with a cookie, %s: %v %v", method, name, got, err)
				}
			}
			// who knows the token is no page that has a browser send a cookie
			for _, more := range [][]field{{bearer(token)}, append(fields("Cookie", cookieName+"="+token), bearer(token))} {
				if got, err = c.exact(t, exactCall{Method: "POST", Target: "/api", Fields: append(more, test.list...)}); err != nil || got.Status != 200 {
					t.Errorf("with a bearer token, %s: %v %v", name, got, err)
				}
			}
			gw.up.Reset()
			got, err = c.exact(t, exactCall{Method: "POST", Target: "/wechat/logout", Fields: list})
			if err != nil || (got.Status == 204) != test.allowed || !test.allowed && got.Status != 403 {
				t.Errorf("logout, %s: %v %v", name, got, err)
			}
			if alive := c.do(t, call{Target: "/wechat/session", Token: token}).Status == 200; alive == test.allowed {
				t.Errorf("logout, %s: the session lives: %v", name, alive)
			}
		}
	})
}

// A browser's form cannot send JSON: what it can send is no login.
func TestLoginTakesJSONOnly(t *testing.T) {
	gw := start(t, setup{Auth: cookieAuth})
	for _, contentType := range []string{
		"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json, text/plain",
		"text/plain; application/json", "application/jsonp", "application/json; charset=gbk", "application/problem+json",
	} {
		x := loginCall(gw, appA, alice)
		got := gw.h1.do(t, call{Method: "POST", Target: x.Target, Body: x.Body, Header: header("Content-Type", contentType)})
		requireStatus(t, got, 415)
	}
	requireStatus(t, gw.h1.do(t, call{Method: "GET", Target: "/wechat/login?code=x"}), 405)
	if n := gw.sim.CountCalls("/sns/jscode2session"); n != 0 {
		t.Errorf("WeChat was asked %d times", n)
	}
}

// A fresh login never keeps a session that was there before, whoever planted it:
// it gets a new one, and the one presented ends.
func TestLoginFixation(t *testing.T) {
	gw := start(t, setup{Auth: cookieAuth})
	gw.each(t, func(t *testing.T, c *client) {
		for _, name := range []string{"Cookie", "Authorization"} {
			planted := login(t, gw, eve)
			x := loginCall(gw, appA, alice)
			x.Header.Set(name, map[string]string{"Cookie": cookieName + "=" + planted, "Authorization": "Bearer " + planted}[name])
			got := c.do(t, x)
			requireStatus(t, got, 200)
			if strings.Contains(fmt.Sprint(got), planted) {
				t.Error("the login gave the old token")
			}
			requireRefused(t, c.do(t, call{Target: "/api", Token: planted}))
		}
	})
}

// The backend answers with a cookie of the same name. It is the site's own
// server and may; the gateway believes no token that it did not make.
func TestUpstreamSetsTheCookie(t *testing.T) {
	gw := start(t, setup{Auth: cookieAuth})
	gw.up.SetAnswer(func(request) string {
		return "HTTP/1.1 200 OK\r\nSet-Cookie: " + cookieName + "=forged; Path=/; Secure\r\nContent-Length: 0\r\n\r\n"
	})
	token := login(t, gw, alice)
	requireStatus(t, gw.h1.do(t, call{Target: "/api", Token: token}), 200)
	gw.up.Reset()
	requireRefused(t, gw.h1.do(t, call{Target: "/api", Header: header("Cookie", cookieName+"=forged")}))
	requireNoUpstream(t, gw)
}

// A page of another origin, which may be one of a sibling domain, lets the user's
// browser write to the backend with the cookie: on no path, and whatever the method.
// What it has a token for, and what reads, is as ever.
func TestForeignPageWrites(t *testing.T) {
	gw := start(t, setup{Auth: cookieAuth})
	token := login(t, gw, alice)
	cookie := cookieName + "=" + token
	for name, test := range map[string]struct {
		call
		status int
	}{
		"a form":                 {call{Method: "POST", Target: "/transfer", Header: header("Cookie", cookie, "Sec-Fetch-Site", "same-site", "Origin", "http://evil.localhost")}, 403},
		"an old browser's":       {call{Method: "POST", Target: "/transfer", Header: header("Cookie", cookie, "Origin", "https://evil.example")}, 403},
		"a script's DELETE":      {call{Method: "DELETE", Target: "/orders/1", Header: header("Cookie", cookie, "Sec-Fetch-Site", "cross-site")}, 403},
		"an unknown method":      {call{Method: "FROB", Target: "/orders/1", Header: header("Cookie", cookie, "Sec-Fetch-Site", "cross-site")}, 403},
		"on a public path":       {call{Method: "POST", Target: "/public/x", Header: header("Cookie", cookie, "Sec-Fetch-Site", "cross-site")}, 403},
		"public, no cookie":      {call{Method: "POST", Target: "/public/x", Header: header("Sec-Fetch-Site", "cross-site")}, 200},
		"no cookie":              {call{Method: "POST", Target: "/transfer", Header: header("Sec-Fetch-Site", "cross-site")}, 401},
		"a cookie of nobody":     {call{Method: "POST", Target: "/transfer", Header: header("Cookie", cookieName+"=x", "Sec-Fetch-Site", "cross-site")}, 401},
		"a token":                {call{Method: "POST", Target: "/transfer", Token: token, Header: header("Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")}, 200},
		"a read":                 {call{Target: "/orders", Header: header("Cookie", cookie, "Sec-Fetch-Site", "cross-site")}, 200},
		"its own page":           {call{Method: "POST", Target: "/transfer", Header: header("Cookie", cookie, "Sec-Fetch-Site", "same-origin")}, 200},
		"no browser":             {call{Method: "POST", Target: "/transfer", Header: header("Cookie", cookie)}, 200},
		"a typed address (none)": {call{Method: "POST", Target: "/transfer", Header: header("Cookie", cookie, "Sec-Fetch-Site", "none")}, 200},
	} {
		got := gw.h1.do(t, test.call)
		if got.Status != test.status {
			t.Errorf("%s: %d; want %d", name, got.Status, test.status)
		}
		if test.status == 403 {
			requireProblem(t, got, 403, "access_denied")
			requireNoUpstream(t, gw)
		} else {
			gw.up.Reset()
		}
	}
}
