// headers_test.go: identity headers that a client sends or takes away (C1, C4,
// C5, C6 of the threat list).

package wechatauth_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// routes are the ways of a request to the backend, for a gateway with
// "public /public/*": each with the identity that belongs on it.
var routes = []struct {
	name   string
	method string
	target string
	token  bool // whether alice's token is sent
}{
	{"protected", "GET", "/api/me", true},
	{"public, anonymous", "GET", "/public/x", false},
	{"public, logged in", "GET", "/public/x", true},
	{"public preflight", "OPTIONS", "/public/x", false},
	{"preflight, logged in", "OPTIONS", "/api/me", true},
	{"public HEAD", "HEAD", "/public/x", false},
	{"unknown method", "PURGE", "/public/x", false},
}

// A client sends our headers itself, in a spelling that the backend folds onto
// the one it trusts, and hopes to be somebody. On a public route there is no
// value of ours that could overwrite it; alice has no unionid either. Caddy's
// own filter for "_" and "." is switched off for these names, as operators may.
func TestForgedHeaders(t *testing.T) {
	setups := map[string]gatewaytest.Setup{
		"plain": {Auth: gatewaytest.PublicAuth, Sim: gatewaytest.SimWithoutUnionID()},
		"expected aliases": {
			Auth: gatewaytest.PublicAuth, Sim: gatewaytest.SimWithoutUnionID(),
			Server: "expected_underscore_headers X_WeChat_* X_WX_* x-wechat_* X_Wechat.Openid\nexpected_dot_headers X.WeChat.* X.WX.* X_Wechat.Openid",
		},
	}
	for name, s := range setups {
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.Start(t, s)
			token := gatewaytest.Login(t, gw, gatewaytest.Alice)
			gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
				for _, route := range routes {
					for _, spelling := range gatewaytest.Spellings {
						x := gatewaytest.ExactCall{Method: route.method, Target: route.target, Fields: gatewaytest.Fields(spelling, gatewaytest.Eve, "X-Other", "stays", spelling, "twice")}
						if route.token {
							x.Fields = append(x.Fields, gatewaytest.Bearer(token))
						}
						got, err := c.Exact(t, x)
						if err != nil || got.Status != 200 {
							t.Fatalf("%s with %s: %v %v", route.name, spelling, got, err)
						}
						requireBelongs(t, gw.Upstream.Only(t), route.token)
					}
				}
			})
		})
	}
}

// requireBelongs fails unless the request is alice's, or nobody's.
func requireBelongs(t *testing.T, r gatewaytest.Request, loggedIn bool) {
	t.Helper()
	if loggedIn {
		gatewaytest.RequireIdentity(t, r, gatewaytest.Alice)
	} else {
		gatewaytest.RequireAnonymous(t, r)
	}
	if strings.Contains(r.Raw, gatewaytest.Eve) {
		t.Errorf("the upstream saw the forged value:\n%s", r.Raw)
	}
}

// Where the gateway answers itself, a forged header must not turn a refusal
// into anything else, and nothing of it may come back in the answer.
func TestForgedHeadersOnEndpoints(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	forged := gatewaytest.Fields("X-WeChat-OpenID", gatewaytest.Eve, "X-WX-OPENID", gatewaytest.Eve, "X_WeChat_OpenID", gatewaytest.Eve)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for target, want := range map[string]int{
			"/wechat/session": 401, "/wechat/nothing": 404, "/wechat/": 404, "/wechat/login": 405, "/api/me": 401, "/wechat": 401,
		} {
			got, err := c.Exact(t, gatewaytest.ExactCall{Target: target, Fields: forged})
			if err != nil || got.Status != want {
				t.Errorf("%s: %v %v; want %d", target, got, err, want)
			}
			if text := fmt.Sprint(got); strings.Contains(text, gatewaytest.Eve) {
				t.Errorf("%s: the answer tells the forged value: %s", target, text)
			}
		}
		x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
		got, err := c.Exact(t, gatewaytest.ExactCall{
			Method: "POST", Target: x.Target, Body: x.Body, Fields: append(forged, gatewaytest.Field{Name: "Content-Type", Value: "application/json"}),
		})
		if err != nil || got.Status != 200 || !strings.Contains(got.Body, gatewaytest.Alice) || strings.Contains(got.Body, gatewaytest.Eve) {
			t.Errorf("login: %v %v", got, err)
		}
		gatewaytest.RequireNoUpstream(t, gw)
	})
}

// The client invents a thousand names that fold onto ours.
func TestRandomSpellings(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{
		Auth: gatewaytest.PublicAuth, Server: "expected_underscore_headers X_*\nexpected_dot_headers X.*",
	})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	random := rand.New(rand.NewPCG(1, 2))
	names := make([]string, 1000)
	for i := range names {
		names[i] = randomSpelling(random)
	}
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for i := 0; i < len(names); i += 50 {
			x := gatewaytest.ExactCall{Target: "/public/x"}
			loggedIn := i%100 == 0
			if loggedIn {
				x.Target, x.Fields = "/api", []gatewaytest.Field{gatewaytest.Bearer(token)}
			}
			for _, name := range names[i : i+50] {
				x.Fields = append(x.Fields, gatewaytest.Field{Name: name, Value: gatewaytest.Eve})
			}
			if got, err := c.Exact(t, x); err != nil || got.Status != 200 {
				t.Fatalf("%v: %v %v", names[i:i+50], got, err)
			}
			requireBelongs(t, gw.Upstream.Only(t), loggedIn)
		}
	})
}

// randomSpelling spells an identity header with random case and separators.
func randomSpelling(random *rand.Rand) string {
	const separators = "-_.!#$%&'*+^`|~"
	bases := []string{"x-wechat-openid", "x-wechat-appid", "x-wechat-unionid", "x-wechat-userinfo", "x-wechat-phone", "x-wx-openid", "x-wx-any-thing-1"}
	name := []byte(bases[random.IntN(len(bases))])
	for i, b := range name {
		switch {
		case b == '-':
			name[i] = separators[random.IntN(len(separators))]
		case 'a' <= b && b <= 'z' && random.IntN(2) == 0:
			name[i] = b - 'a' + 'A'
		}
	}
	return string(name)
}

// The client names our header in Connection, hoping that the proxy takes it off
// the request after the gateway has put it there: a backend that takes no
// identity for a guest, or for an internal call, is then its own.
func TestConnectionNamesIdentity(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	for _, connection := range [][]string{
		{"X-WeChat-OpenID"},
		{"close, X-WeChat-OpenID"},
		{"X-Wechat-Openid, X-WeChat-AppID, X-WeChat-UnionID"},
		{"keep-alive", "x-wechat-openid"},
		{"Upgrade, X-WeChat-OpenID, X-WeChat-AppID"},
		{",,X-WeChat-OpenID,,", "X-Forwarded-For"},
	} {
		t.Run(strings.Join(connection, " + "), func(t *testing.T) {
			gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
				for _, upgrade := range []bool{false, true} {
					x := gatewaytest.ExactCall{Target: "/api/me", Fields: []gatewaytest.Field{gatewaytest.Bearer(token)}}
					for _, value := range connection {
						x.Fields = append(x.Fields, gatewaytest.Field{Name: "Connection", Value: value})
					}
					if upgrade {
						x.Fields = append(x.Fields, gatewaytest.Fields("Upgrade", "h2c", "HTTP2-Settings", "AAMAAABkAAQAAP__")...)
					}
					got, err := c.Exact(t, x)
					if c.Name != "HTTP/1.1" {
						// these versions know no such field: it is an error of the protocol
						if err == nil && got.Status < 400 {
							t.Errorf("answered %v", got)
						}
						gatewaytest.RequireNoUpstream(t, gw)
						continue
					}
					gatewaytest.RequireStatus(t, got, 200)
					seen := gw.Upstream.Only(t)
					gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
					if got := seen.Get("X-Forwarded-For"); got == "" {
						t.Error("X-Forwarded-For was taken away")
					}
				}
			})
		})
	}
}
