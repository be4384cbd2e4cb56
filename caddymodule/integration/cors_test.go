// cors_test.go: pages of other origins: whom the operator trusts, and nobody else.

package integration

import (
	"net/url"
	"strings"
	"testing"
)

const (
	shop = "https://shop.example.com"
	evil = "https://evil.example"
)

func preflight(target, origin string) call {
	return call{Method: "OPTIONS", Target: target, Header: header("Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")}
}

// requireShared fails unless an answer may be read by pages of the origin, with the cookie
// or without; "" is nobody's.
func requireShared(t *testing.T, got reply, origin string, cookie bool) {
	t.Helper()
	h := got.Header
	credentials := ""
	if cookie {
		credentials = "true"
	}
	if h.Get("Access-Control-Allow-Origin") != origin || h.Get("Access-Control-Allow-Credentials") != credentials {
		t.Errorf("%d: Access-Control-Allow-Origin %q, credentials %q; want %q, %q", got.Status, h.Get("Access-Control-Allow-Origin"), h.Get("Access-Control-Allow-Credentials"), origin, credentials)
	}
	if h.Get("Vary") != "Origin" {
		t.Errorf("Vary %q", h.Get("Vary"))
	}
	if origin != "" && got.Status != 204 && h.Get("Access-Control-Expose-Headers") != "Retry-After, WWW-Authenticate" {
		t.Errorf("Access-Control-Expose-Headers %q", h.Get("Access-Control-Expose-Headers"))
	}
}

func TestTrustedOrigin(t *testing.T) {
	for name, test := range map[string]struct {
		line, origin string
		allow        string // of the answer
		cookie       bool
	}{
		"named":               {"trusted_origin " + shop, shop, shop, true},
		"another":             {"trusted_origin " + shop, evil, "", false},
		"a longer one":        {"trusted_origin " + shop, shop + ".evil.example", "", false},
		"another port":        {"trusted_origin " + shop, shop + ":8443", "", false},
		"null":                {"trusted_origin " + shop, "null", "", false},
		"every origin":        {"trusted_origin *", evil, "*", false},
		"null of every":       {"trusted_origin *", "null", "*", false},
		"named beside every":  {"trusted_origin * " + shop, shop, shop, true},
		"on two lines, named": {"trusted_origin " + evil + "\n trusted_origin " + shop, shop, shop, true},
	} {
		t.Run(name, func(t *testing.T) {
			gw := start(t, setup{Wechat: inMemory, Auth: "wechat_auth {\n cookie\n " + test.line + "\n}"})
			trusted := test.allow != ""
			token := login(t, gw, alice)
			gw.each(t, func(t *testing.T, c *client) {
				got := c.do(t, preflight("/wechat/login", test.origin))
				requireShared(t, got, test.allow, test.cookie)
				if (got.Status == 204) != trusted || trusted && (got.Header.Get("Access-Control-Allow-Methods") != "POST" || !strings.Contains(got.Header.Get("Access-Control-Allow-Headers"), "Authorization") || got.Header.Get("Access-Control-Max-Age") == "") {
					t.Errorf("preflight of an endpoint: %v", got)
				}
				// to the backend, as nobody, whatever it carries
				for _, credential := range []field{{}, bearer(token), {"Cookie", cookieName + "=" + token}} {
					x := preflight("/api", test.origin)
					if credential.Name != "" {
						x.Header.Set(credential.Name, credential.Value)
					}
					gw.up.Reset()
					got = c.do(t, x)
					switch {
					case trusted:
						requireStatus(t, got, 200)
						seen := gw.up.only(t)
						requireAnonymous(t, seen)
						requireNoToken(t, seen, token)
					case credential.Name == "":
						requireRefused(t, got)
						requireNoUpstream(t, gw)
					}
				}
				gw.up.Reset()

				// a request of the page: the refusal and the answers can be read
				from := header("Origin", test.origin, "Sec-Fetch-Site", "cross-site")
				got = c.do(t, call{Target: "/api", Header: from})
				requireRefused(t, got)
				requireShared(t, got, test.allow, test.cookie)
				got = c.do(t, call{Target: "/wechat/session", Header: from, Token: token})
				requireStatus(t, got, 200)
				requireShared(t, got, test.allow, test.cookie)

				x := loginCall(gw, appA, eve)
				x.Header.Set("Origin", test.origin)
				x.Header.Set("Sec-Fetch-Site", "cross-site")
				got = c.do(t, x)
				requireStatus(t, got, 200)
				requireShared(t, got, test.allow, test.cookie)
				if set := got.Header.Get("Set-Cookie") != ""; set != test.cookie {
					t.Errorf("a cookie was set: %v", set)
				}
				byCookie := call{Method: "POST", Target: "/api", Header: from.Clone()}
				byCookie.Header.Set("Cookie", cookieName+"="+token)
				if got = c.do(t, byCookie); (got.Status == 200) != test.cookie || got.Status != 200 && got.Status != 403 {
					t.Errorf("POST by the cookie alone: %v", got)
				}
				// what only looks like a preflight is a request like any other
				for _, x := range []call{
					{Method: "OPTIONS", Target: "/api", Header: header("Origin", test.origin)},
					{Method: "OPTIONS", Target: "/api", Header: header("Access-Control-Request-Method", "POST")},
					{Method: "POST", Target: "/api", Header: header("Origin", test.origin, "Access-Control-Request-Method", "POST")},
				} {
					gw.up.Reset()
					requireRefused(t, c.do(t, x))
					requireNoUpstream(t, gw)
				}
			})
		})
	}
}

// Without the option nobody learns anything, and nothing passes.
func TestNoTrustedOrigin(t *testing.T) {
	gw := start(t, setup{})
	gw.each(t, func(t *testing.T, c *client) {
		requireRefused(t, c.do(t, preflight("/api", shop)))
		got := c.do(t, preflight("/wechat/login", shop))
		requireStatus(t, got, 405)
		for name := range got.Header {
			if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
				t.Errorf("%s: %q", name, got.Header[name])
			}
		}
		requireNoUpstream(t, gw)
	})
}

// Pages of a named trusted origin are the operator's, too: they are signed for the JS-SDK.
// Those of every origin are not.
func TestJSSDKForTrustedOrigin(t *testing.T) {
	for line, status := range map[string]int{"trusted_origin " + shop: 200, "trusted_origin *": 400, "trusted_origin https://shop.example.com:8443": 400} {
		t.Run(line, func(t *testing.T) {
			s := webSetup()
			s.Auth = strings.Replace(s.Auth, "{", "{\n "+line+"\n", 1)
			gw := start(t, s)
			got := gw.h1.do(t, call{Target: "/wechat/jssdk?url=" + url.QueryEscape(shop+"/cart#x"), Header: header("Origin", shop)})
			requireStatus(t, got, status)
		})
	}
}
