// cors_test.go: pages of other origins: whom the operator trusts, and nobody else.

package wechatauth_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

const (
	shop = "https://shop.example.com"
	evil = "https://evil.example"
)

func preflight(target, origin string) gatewaytest.Call {
	return gatewaytest.Call{Method: "OPTIONS", Target: target, Header: gatewaytest.Header("Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")}
}

// requireShared fails unless an answer may be read by pages of the origin, with the cookie
// or without; "" is nobody's.
func requireShared(t *testing.T, got gatewaytest.Reply, origin string, cookie bool) {
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
			gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Auth: "wechat_auth {\n cookie\n " + test.line + "\n}"})
			trusted := test.allow != ""
			token := gatewaytest.Login(t, gw, gatewaytest.Alice)
			gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
				got := c.Do(t, preflight("/wechat/login", test.origin))
				requireShared(t, got, test.allow, test.cookie)
				if (got.Status == 204) != trusted || trusted && (got.Header.Get("Access-Control-Allow-Methods") != "POST" || !strings.Contains(got.Header.Get("Access-Control-Allow-Headers"), "Authorization") || got.Header.Get("Access-Control-Max-Age") == "") {
					t.Errorf("preflight of an endpoint: %v", got)
				}
				// to the backend, as nobody, whatever it carries
				for _, credential := range []gatewaytest.Field{{}, gatewaytest.Bearer(token), {Name: "Cookie", Value: gatewaytest.CookieName + "=" + token}} {
					x := preflight("/api", test.origin)
					if credential.Name != "" {
						x.Header.Set(credential.Name, credential.Value)
					}
					gw.Upstream.Reset()
					got = c.Do(t, x)
					switch {
					case trusted:
						gatewaytest.RequireStatus(t, got, 200)
						seen := gw.Upstream.Only(t)
						gatewaytest.RequireAnonymous(t, seen)
						gatewaytest.RequireNoToken(t, seen, token)
					case credential.Name == "":
						gatewaytest.RequireRefused(t, got)
						gatewaytest.RequireNoUpstream(t, gw)
					}
				}
				gw.Upstream.Reset()

				// a request of the page: the refusal and the answers can be read
				from := gatewaytest.Header("Origin", test.origin, "Sec-Fetch-Site", "cross-site")
				got = c.Do(t, gatewaytest.Call{Target: "/api", Header: from})
				gatewaytest.RequireRefused(t, got)
				requireShared(t, got, test.allow, test.cookie)
				got = c.Do(t, gatewaytest.Call{Target: "/wechat/session", Header: from, Token: token})
				gatewaytest.RequireStatus(t, got, 200)
				requireShared(t, got, test.allow, test.cookie)

				x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Eve)
				x.Header.Set("Origin", test.origin)
				x.Header.Set("Sec-Fetch-Site", "cross-site")
				got = c.Do(t, x)
				gatewaytest.RequireStatus(t, got, 200)
				requireShared(t, got, test.allow, test.cookie)
				if set := got.Header.Get("Set-Cookie") != ""; set != test.cookie {
					t.Errorf("a cookie was set: %v", set)
				}
				byCookie := gatewaytest.Call{Method: "POST", Target: "/api", Header: from.Clone()}
				byCookie.Header.Set("Cookie", gatewaytest.CookieName+"="+token)
				if got = c.Do(t, byCookie); (got.Status == 200) != test.cookie || got.Status != 200 && got.Status != 403 {
					t.Errorf("POST by the cookie alone: %v", got)
				}
				// what only looks like a preflight is a request like any other
				for _, x := range []gatewaytest.Call{
					{Method: "OPTIONS", Target: "/api", Header: gatewaytest.Header("Origin", test.origin)},
					{Method: "OPTIONS", Target: "/api", Header: gatewaytest.Header("Access-Control-Request-Method", "POST")},
					{Method: "POST", Target: "/api", Header: gatewaytest.Header("Origin", test.origin, "Access-Control-Request-Method", "POST")},
				} {
					gw.Upstream.Reset()
					gatewaytest.RequireRefused(t, c.Do(t, x))
					gatewaytest.RequireNoUpstream(t, gw)
				}
			})
		})
	}
}

// Without the option nobody learns anything, and nothing passes.
func TestNoTrustedOrigin(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		gatewaytest.RequireRefused(t, c.Do(t, preflight("/api", shop)))
		got := c.Do(t, preflight("/wechat/login", shop))
		gatewaytest.RequireStatus(t, got, 405)
		for name := range got.Header {
			if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
				t.Errorf("%s: %q", name, got.Header[name])
			}
		}
		gatewaytest.RequireNoUpstream(t, gw)
	})
}

// Pages of a named trusted origin are the operator's, too: they are signed for the JS-SDK.
// Those of every origin are not.
func TestJSSDKForTrustedOrigin(t *testing.T) {
	for line, status := range map[string]int{"trusted_origin " + shop: 200, "trusted_origin *": 400, "trusted_origin https://shop.example.com:8443": 400} {
		t.Run(line, func(t *testing.T) {
			s := gatewaytest.WebSetup()
			s.Auth = strings.Replace(s.Auth, "{", "{\n "+line+"\n", 1)
			gw := gatewaytest.Start(t, s)
			got := gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/jssdk?url=" + url.QueryEscape(shop+"/cart#x"), Header: gatewaytest.Header("Origin", shop)})
			gatewaytest.RequireStatus(t, got, status)
		})
	}
}
