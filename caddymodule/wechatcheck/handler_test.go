// handler_test.go: every status and header of an answer.

package wechatcheck_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

const userInfo = `{"nickName":"阿丽"}`

func full() session.Identity {
	return session.Identity{OpenID: "oALICE", UnionID: "uALICE", UserInfo: []byte(userInfo)}
}

var (
	wechatNames = []string{"X-Wechat-Openid", "X-Wechat-Appid", "X-Wechat-Unionid", "X-Wechat-Userinfo", "X-Wechat-Phone"}
	cloudNames  = []string{"X-Wx-Openid", "X-Wx-Appid", "X-Wx-Unionid", "X-Wx-Source"}
)

// The answers of section 10, header by header and nothing else.
func TestAnswers(t *testing.T) {
	g := newGateway(t, nil)
	_, alice := g.logIn(t, full())
	_, bob := g.logIn(t, session.Identity{OpenID: "oBOB"})
	_, foreign := g.logIn(t, session.Identity{OpenID: "oEVE", AppID: otherAppID})
	ended, gone := g.logIn(t, session.Identity{OpenID: "oGONE"})
	if err := g.Sessions.End(t.Context(), ended.ID); err != nil {
		t.Fatal(err)
	}

	always := http.Header{"Cache-Control": {"no-store"}, "X-Envoy-Auth-Headers-To-Remove": {"authorization"}}
	yes := func(names []string, values ...string) http.Header {
		h := maps.Clone(always)
		for i, name := range names {
			h[name] = []string{values[i]}
		}
		return h
	}
	nobody := func(names ...string) http.Header { return yes(names, make([]string, len(names))...) }
	encoded := base64.RawURLEncoding.EncodeToString([]byte(userInfo))
	aliceHere := yes(wechatNames, "oALICE", gatewaytest.AppID, "uALICE", encoded, "")
	bobHere := yes(wechatNames, "oBOB", gatewaytest.AppID, "", "", "")
	no := func(challenge, code string) http.Header {
		h := http.Header{
			"Cache-Control": {"no-store"}, "Content-Type": {"application/json; charset=utf-8"},
			"X-Content-Type-Options": {"nosniff"}, "X-Wechat-Error": {code},
		}
		if challenge != "" {
			h["Www-Authenticate"] = []string{challenge}
		}
		return h
	}
	noToken := no(`Bearer realm="wechat"`, "invalid_token")
	badToken := no(`Bearer realm="wechat", error="invalid_token", error_description="log in again"`, "invalid_token")
	cookie := func(pairs string) http.Header { return http.Header{"Cookie": {pairs}} }
	both := func(token, pairs string) http.Header {
		h := bearer(token)
		h["Cookie"] = []string{pairs}
		return h
	}

	plain, optional := gatewaytest.Object{}, gatewaytest.Object{"optional": true}
	tests := []struct {
		name   string
		config gatewaytest.Object
		header http.Header
		status int
		want   http.Header
	}{
		{"alice", plain, bearer(alice), 200, aliceHere},
		{"bob", plain, bearer(bob), 200, bobHere},
		{"nobody", plain, nil, 401, noToken},
		{"basic", plain, http.Header{"Authorization": {"Basic Ym9iOmJvYg=="}}, 401, noToken},
		{"garbage", plain, bearer("garbage"), 401, badToken},
		{"empty bearer", plain, http.Header{"Authorization": {"Bearer "}}, 401, badToken},
		{"token without its last byte", plain, bearer(alice[:len(alice)-1]), 401, badToken},
		{"two tokens", plain, http.Header{"Authorization": {"Bearer " + alice, "Bearer " + bob}}, 401, badToken},
		{"token and basic", plain, http.Header{"Authorization": {"Bearer " + alice, "Basic Ym9iOmJvYg=="}}, 401, badToken},
		{"logged out", plain, bearer(gone), 401, badToken},
		{"other app", plain, bearer(foreign), 401, badToken},
		{"all apps", gatewaytest.Object{"apps": []any{"*"}}, bearer(foreign), 200, yes(wechatNames, "oEVE", otherAppID, "", "", "")},

		{"optional, alice", optional, bearer(alice), 200, aliceHere},
		{"optional, nobody", optional, nil, 200, nobody(wechatNames...)},
		{"optional, basic", optional, http.Header{"Authorization": {"Basic Ym9iOmJvYg=="}}, 200, nobody(wechatNames...)},
		{"optional, garbage", optional, bearer("garbage"), 401, badToken},
		{"optional, logged out", optional, bearer(gone), 401, badToken},
		{"optional, other app", optional, bearer(foreign), 401, badToken},
		{"optional, two tokens", optional, http.Header{"Authorization": {"Bearer " + alice, "Bearer " + bob}}, 401, badToken},

		{"cookie unasked for", plain, cookie("__Host-wechat_session=" + alice), 401, noToken},
		{"cookie", gatewaytest.Object{"cookie": "wechat_session"}, cookie("a=b; __Host-wechat_session=" + alice), 200, aliceHere},
		{"cookie of another name", gatewaytest.Object{"cookie": "sid"}, cookie("__Host-wechat_session=" + alice), 401, noToken},
		{"bad cookie", gatewaytest.Object{"cookie": "sid", "optional": true}, cookie("__Host-sid=x"), 401, badToken},
		{"cookie beside the token", gatewaytest.Object{"cookie": "sid"}, both(alice, "__Host-sid="+alice), 200, aliceHere},
		{"cookie of somebody else", gatewaytest.Object{"cookie": "sid"}, both(alice, "__Host-sid="+bob), 401, badToken},

		{"cloudrun", gatewaytest.Object{"headers": []any{"cloudrun"}}, bearer(alice), 200,
			yes(cloudNames, "oALICE", gatewaytest.AppID, "uALICE", "wx_client")},
		{"cloudrun, bob", gatewaytest.Object{"headers": []any{"cloudrun"}}, bearer(bob), 200,
			yes(cloudNames, "oBOB", gatewaytest.AppID, "", "wx_client")},
		{"both dialects", gatewaytest.Object{"headers": []any{"cloudrun", "wechat"}}, bearer(alice), 200,
			yes(slices.Concat(wechatNames, cloudNames), "oALICE", gatewaytest.AppID, "uALICE", encoded, "", "oALICE", gatewaytest.AppID, "uALICE", "wx_client")},
		{"both dialects, nobody", gatewaytest.Object{"headers": []any{"cloudrun", "wechat"}, "optional": true}, nil, 200,
			nobody(slices.Concat(wechatNames, cloudNames)...)},
		{"assertion for nobody", gatewaytest.Object{"assertion": gatewaytest.Object{"audience": "orders"}, "optional": true}, nil, 200,
			nobody(append(slices.Clone(wechatNames), "X-Wechat-Assertion")...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := g.check(t, maps.Clone(tt.config))
			r := httptest.NewRequest("GET", "/", nil)
			maps.Copy(r.Header, tt.header)
			requireAnswer(t, ask(t, h, r), tt.status, tt.want)
		})
	}
}

// requireAnswer compares an answer with what is wanted, to the last header. A refusal's
// body is JSON, whose length is not compared.
func requireAnswer(t *testing.T, got *http.Response, status int, want http.Header) {
	t.Helper()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got.StatusCode != status {
		t.Errorf("status %d; want %d", got.StatusCode, status)
	}
	if status == 200 && len(body) > 0 {
		t.Errorf("a body: %q", body)
	}
	if status != 200 {
		got.Header.Del("Content-Length")
		var p struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		if err := json.Unmarshal(body, &p); err != nil || p.Error != want["X-Wechat-Error"][0] || p.Description == "" {
			t.Errorf("body %q", body)
		}
	}
	if !maps.EqualFunc(got.Header, want, slices.Equal[[]string]) {
		t.Errorf("headers\n got %q\nwant %q", got.Header, want)
	}
}

// Nothing but the credential decides: each of these is answered as a bare request is.
func TestNothingElseMatters(t *testing.T) {
	g := newGateway(t, nil)
	_, alice := g.logIn(t, full())
	h := g.check(t, gatewaytest.Object{"cookie": "sid"})
	for _, cookies := range []bool{false, true} {
		for _, token := range []string{alice, "", "garbage"} {
			header := bearer(token)
			if cookies && token != "" {
				header = http.Header{"Cookie": {"__Host-sid=" + token}}
			}
			bare := httptest.NewRequest("GET", "/", nil)
			maps.Copy(bare.Header, header)
			plain := ask(t, h, bare)
			want := http.StatusUnauthorized
			if token == alice {
				want = http.StatusOK
			}
			if plain.StatusCode != want {
				t.Fatalf("a bare request: %d; want %d", plain.StatusCode, want)
			}
			for name, r := range oddRequests() {
				maps.Copy(r.Header, header)
				got := ask(t, h, r)
				if got.StatusCode != plain.StatusCode || !maps.EqualFunc(got.Header, plain.Header, slices.Equal[[]string]) {
					t.Errorf("%s, token %.8q: %d %q; want %d %q", name, token, got.StatusCode, got.Header, plain.StatusCode, plain.Header)
				}
			}
		}
	}
}

// oddRequests are requests that a proxy might send, or its client through it.
func oddRequests() map[string]*http.Request {
	all := make(map[string]*http.Request)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PROPFIND", "X"} {
		all["method "+method] = httptest.NewRequest(method, "http://door/", nil)
	}
	for _, target := range []string{
		"/wechat/login", "/wechat/jwks.json", "/wechat/check/../jwks.json", "//", "/%2e%2e/", "/;x", "/a%00b", "/public/", "/?app=*&optional=true&require=none",
		"/.well-known/acme-challenge/x", "/healthz", "http://evil.example/x",
	} {
		all["target "+target] = httptest.NewRequest("GET", target, nil)
	}
	all["host"] = httptest.NewRequest("GET", "http://localhost:2019/", nil)
	for name, header := range map[string]http.Header{
		"forwarded path":   {"X-Forwarded-Uri": {"/public/x"}, "X-Original-Url": {"http://a/public/x"}, "X-Original-Uri": {"/"}, "X-Rewrite-Url": {"/"}},
		"forwarded method": {"X-Forwarded-Method": {"OPTIONS"}, "X-Http-Method-Override": {"OPTIONS"}, "X-Original-Method": {"OPTIONS"}},
		"forwarded for":    {"X-Forwarded-For": {"127.0.0.1"}, "X-Real-Ip": {"127.0.0.1"}, "Forwarded": {"for=127.0.0.1"}, "X-Forwarded-Host": {"localhost"}},
		"identity": {
			"X-Wechat-Openid": {"oEVE"}, "X-Wechat-Appid": {otherAppID}, "X_Wechat_Openid": {"oEVE"}, "X.wechat.openid": {"oEVE"}, "X-Wx-Openid": {"oEVE"},
			"X-Wechat-Assertion": {"x"}, "X-Wechat-Push": {"text"},
		},
		"websocket":     {"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}, "Sec-Websocket-Version": {"13"}},
		"h2c":           {"Connection": {"Upgrade, HTTP2-Settings"}, "Upgrade": {"h2c"}, "Http2-Settings": {"x"}},
		"validators":    {"If-None-Match": {"*"}, "If-Modified-Since": {"Thu, 01 Jan 2037 00:00:00 GMT"}, "If-Match": {`"x"`}, "Range": {"bytes=0-0"}, "If-Range": {`"x"`}},
		"origin":        {"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Accept": {"text/html"}},
		"preflight":     {"Origin": {"https://evil.example"}, "Access-Control-Request-Method": {"PUT"}},
		"other cookies": {"X-Cookie": {"__Host-sid=x"}, "Proxy-Authorization": {"Bearer x"}},
	} {
		r := httptest.NewRequest("POST", "/x", nil)
		r.Header = header
		all[name] = r
	}
	announced := httptest.NewRequest("POST", "/", strings.NewReader("x"))
	announced.Trailer = http.Header{"X-Wechat-Openid": {"oEVE"}, "Authorization": nil}
	all["trailer"] = announced
	return all
}

// brokenBody is a body that nobody may touch.
type brokenBody struct{ t *testing.T }

func (b brokenBody) Read([]byte) (int, error) {
	b.t.Error("the body was read")
	return 0, errors.New("never read")
}
func (b brokenBody) Close() error { return nil }

func TestBodyIsNotRead(t *testing.T) {
	g := newGateway(t, nil)
	_, alice := g.logIn(t, full())
	h := g.check(t, gatewaytest.Object{})
	for _, token := range []string{alice, ""} {
		r := httptest.NewRequest("POST", "/", brokenBody{t})
		maps.Copy(r.Header, bearer(token))
		ask(t, h, r)
	}
}

// A client that gives up, as a store that cannot answer, is 503: nobody was refused.
func TestUnknownIsNotNo(t *testing.T) {
	g := newGateway(t, nil)
	_, alice := g.logIn(t, full())
	h := g.check(t, gatewaytest.Object{"optional": true})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
	maps.Copy(r.Header, bearer(alice))
	got := ask(t, h, r)
	requireAnswer(t, got, http.StatusServiceUnavailable, http.Header{
		"Cache-Control": {"no-store"}, "Content-Type": {"application/json; charset=utf-8"}, "Retry-After": {"2"},
		"X-Content-Type-Options": {"nosniff"}, "X-Wechat-Error": {"temporarily_unavailable"},
	})
}

// An answer that one request changes (another directive may) is no other request's.
func TestAnswersShareNothing(t *testing.T) {
	g := newGateway(t, nil)
	_, alice := g.logIn(t, full())
	h := g.check(t, gatewaytest.Object{})
	answer := func() http.Header {
		r := httptest.NewRequest("GET", "/", nil)
		maps.Copy(r.Header, bearer(alice))
		return ask(t, h, r).Header
	}
	first, want := answer(), answer()
	for name := range first {
		first[name] = append(first[name], "added")
		first[name][0] = "changed"
	}
	if got := answer(); !maps.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("got %q; want %q", got, want)
	}
}
