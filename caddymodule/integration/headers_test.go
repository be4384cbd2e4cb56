// headers_test.go: identity headers that a client sends or takes away (C1, C4,
// C5, C6 of the threat list).

package integration

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// spellings are names that some backend could take for an identity header.
var spellings = []string{
	"X-WeChat-OpenID", "x-wechat-openid", "X-WECHAT-OPENID", "X-Wechat-Openid",
	"X_WeChat_OpenID", "X.WeChat.OpenID", "X!WeChat!OpenID", "x-wechat_openid", "X_Wechat.Openid", "X~WeChat|OpenID",
	"Grpc-Metadata-X-WeChat-OpenID", "X-Forwarded-X-WeChat-OpenID", "X-Amzn-Remapped-X-WX-OPENID", "HTTP-X-WeChat-OpenID",
	"X-WeChat-AppID", "X-WeChat-UnionID", "X-WeChat-UserInfo", "X-WeChat-Phone", "X_WECHAT_UNIONID", "X-WeChat-Anything",
	"X-WX-OPENID", "X-WX-UNIONID", "X-WX-APPID", "X-WX-SOURCE", "x_wx_openid", "X.WX.OpenID", "X^wx^openid", "X-Wx-From-Openid",
}

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

const publicAuth = "wechat_auth {\n public /public/* /healthz /\n}"

// A client sends our headers itself, in a spelling that the backend folds onto
// the one it trusts, and hopes to be somebody. On a public route there is no
// value of ours that could overwrite it; alice has no unionid either. Caddy's
// own filter for "_" and "." is switched off for these names, as operators may.
func TestForgedHeaders(t *testing.T) {
	setups := map[string]setup{
		"plain": {Auth: publicAuth, Sim: simWithoutUnionID()},
		"expected aliases": {
			Auth: publicAuth, Sim: simWithoutUnionID(),
			Server: "expected_underscore_headers X_WeChat_* X_WX_* x-wechat_* X_Wechat.Openid\nexpected_dot_headers X.WeChat.* X.WX.* X_Wechat.Openid",
		},
	}
	for name, s := range setups {
		t.Run(name, func(t *testing.T) {
			gw := start(t, s)
			token := login(t, gw, alice)
			gw.each(t, func(t *testing.T, c *client) {
				for _, route := range routes {
					for _, spelling := range spellings {
						x := exactCall{Method: route.method, Target: route.target, Fields: fields(spelling, eve, "X-Other", "stays", spelling, "twice")}
						if route.token {
							x.Fields = append(x.Fields, bearer(token))
						}
						got, err := c.exact(t, x)
						if err != nil || got.Status != 200 {
							t.Fatalf("%s with %s: %v %v", route.name, spelling, got, err)
						}
						requireBelongs(t, gw.up.only(t), route.token)
					}
				}
			})
		})
	}
}

// requireBelongs fails unless the request is alice's, or nobody's.
func requireBelongs(t *testing.T, r request, loggedIn bool) {
	t.Helper()
	if loggedIn {
		requireIdentity(t, r, alice)
	} else {
		requireAnonymous(t, r)
	}
	if strings.Contains(r.Raw, eve) {
		t.Errorf("the upstream saw the forged value:\n%s", r.Raw)
	}
}

// Where the gateway answers itself, a forged header must not turn a refusal
// into anything else, and nothing of it may come back in the answer.
func TestForgedHeadersOnEndpoints(t *testing.T) {
	gw := start(t, setup{Auth: publicAuth})
	forged := fields("X-WeChat-OpenID", eve, "X-WX-OPENID", eve, "X_WeChat_OpenID", eve)
	gw.each(t, func(t *testing.T, c *client) {
		for target, want := range map[string]int{
			"/wechat/session": 401, "/wechat/nothing": 404, "/wechat/": 404, "/wechat/login": 405, "/api/me": 401, "/wechat": 401,
		} {
			got, err := c.exact(t, exactCall{Target: target, Fields: forged})
			if err != nil || got.Status != want {
				t.Errorf("%s: %v %v; want %d", target, got, err, want)
			}
			if text := fmt.Sprint(got); strings.Contains(text, eve) {
				t.Errorf("%s: the answer tells the forged value: %s", target, text)
			}
		}
		x := loginCall(gw, appA, alice)
		got, err := c.exact(t, exactCall{
			Method: "POST", Target: x.Target, Body: x.Body, Fields: append(forged, field{"Content-Type", "application/json"}),
		})
		if err != nil || got.Status != 200 || !strings.Contains(got.Body, alice) || strings.Contains(got.Body, eve) {
			t.Errorf("login: %v %v", got, err)
		}
		requireNoUpstream(t, gw)
	})
}

// The client invents a thousand names that fold onto ours.
func TestRandomSpellings(t *testing.T) {
	gw := start(t, setup{
		Auth: publicAuth, Server: "expected_underscore_headers X_*\nexpected_dot_headers X.*",
	})
	token := login(t, gw, alice)
	random := rand.New(rand.NewPCG(1, 2))
	names := make([]string, 1000)
	for i := range names {
		names[i] = randomSpelling(random)
	}
	gw.each(t, func(t *testing.T, c *client) {
		for i := 0; i < len(names); i += 50 {
			x := exactCall{Target: "/public/x"}
			loggedIn := i%100 == 0
			if loggedIn {
				x.Target, x.Fields = "/api", []field{bearer(token)}
			}
			for _, name := range names[i : i+50] {
				x.Fields = append(x.Fields, field{name, eve})
			}
			if got, err := c.exact(t, x); err != nil || got.Status != 200 {
				t.Fatalf("%v: %v %v", names[i:i+50], got, err)
			}
			requireBelongs(t, gw.up.only(t), loggedIn)
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
	gw := start(t, setup{Auth: publicAuth})
	token := login(t, gw, alice)
	for _, connection := range [][]string{
		{"X-WeChat-OpenID"},
		{"close, X-WeChat-OpenID"},
		{"X-Wechat-Openid, X-WeChat-AppID, X-WeChat-UnionID"},
		{"keep-alive", "x-wechat-openid"},
		{"Upgrade, X-WeChat-OpenID, X-WeChat-AppID"},
		{",,X-WeChat-OpenID,,", "X-Forwarded-For"},
	} {
		t.Run(strings.Join(connection, " + "), func(t *testing.T) {
			gw.each(t, func(t *testing.T, c *client) {
				for _, upgrade := range []bool{false, true} {
					x := exactCall{Target: "/api/me", Fields: []field{bearer(token)}}
					for _, value := range connection {
						x.Fields = append(x.Fields, field{"Connection", value})
					}
					if upgrade {
						x.Fields = append(x.Fields, fields("Upgrade", "h2c", "HTTP2-Settings", "AAMAAABkAAQAAP__")...)
					}
					got, err := c.exact(t, x)
					if c.Name != "HTTP/1.1" {
						// these versions know no such field: it is an error of the protocol
						if err == nil && got.Status < 400 {
							t.Errorf("answered %v", got)
						}
						requireNoUpstream(t, gw)
						continue
					}
					requireStatus(t, got, 200)
					seen := gw.up.only(t)
					requireIdentity(t, seen, alice)
					if got := seen.get("X-Forwarded-For"); got == "" {
						t.Error("X-Forwarded-For was taken away")
					}
				}
			})
		})
	}
}
