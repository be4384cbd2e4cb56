package gate

import (
	"context"
	"encoding/base64"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// proxied makes a request in the context that Caddy gives it.
func proxied(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	return caddyhttp.PrepareRequest(r, caddy.NewReplacer(), httptest.NewRecorder(), new(caddyhttp.Server))
}

func callerOf(s session.Session) *Caller {
	return newCaller(tokenName{}, &s, &apps.App{AppID: s.AppID}, "")
}

// identify does what the directive does with a caller.
func identify(r *http.Request, c *Caller) {
	Clean{Request: r}.Identify(c, DialectWeChat, "")
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Delete("http.auth.user.id")
		repl.Map(c.Lookup)
	}
}

// identityOf returns the headers that belong to us, under their raw keys.
func identityOf(r *http.Request) http.Header {
	h := make(http.Header)
	for name, values := range r.Header {
		if reserved(name) {
			h[name] = values
		}
	}
	return h
}

func full() session.Session {
	return session.Session{
		ID: "session-id", AppID: "wx0123456789abcdef", OpenID: "oALICE", UnionID: "uALICE",
		UserInfo: []byte(`{"nickName":"阿丽\r\nX-WeChat-OpenID: oEVE"}`),
		Phone:    &session.Phone{PhoneNumber: "13800000000", PurePhoneNumber: "13800000000", CountryCode: "86"},
	}
}

func TestIdentify(t *testing.T) {
	bare := session.Session{ID: "session-id", AppID: "wx0123456789abcdef", OpenID: "oALICE"}
	with := func(change func(*session.Session)) session.Session {
		s := bare
		change(&s)
		return s
	}
	encoded := base64.RawURLEncoding.EncodeToString
	// the longest user info whose header is within the bound, and one more
	most := slices.Repeat([]byte("x"), maxIdentityHeader/4*3)

	tests := []struct {
		name    string
		session session.Session
		want    http.Header
	}{
		{"bare", bare, http.Header{HeaderOpenID: {"oALICE"}, HeaderAppID: {"wx0123456789abcdef"}}},
		{"everything", full(), http.Header{
			HeaderOpenID: {"oALICE"}, HeaderAppID: {"wx0123456789abcdef"}, HeaderUnionID: {"uALICE"},
			HeaderUserInfo: {encoded(full().UserInfo)}, HeaderPhone: {"+8613800000000"},
		}},
		{"unionid", with(func(s *session.Session) { s.UnionID = "uALICE" }), http.Header{
			HeaderOpenID: {"oALICE"}, HeaderAppID: {"wx0123456789abcdef"}, HeaderUnionID: {"uALICE"},
		}},
		{"foreign phone", with(func(s *session.Session) {
			s.Phone = &session.Phone{PhoneNumber: "+15550100", PurePhoneNumber: "5550100", CountryCode: "1"}
		}), http.Header{HeaderOpenID: {"oALICE"}, HeaderAppID: {"wx0123456789abcdef"}, HeaderPhone: {"+15550100"}}},
		{"phone that is none", with(func(s *session.Session) {
			s.Phone = &session.Phone{PhoneNumber: "1\r\n2", PurePhoneNumber: "1\r\n2", CountryCode: "86"}
		}), http.Header{HeaderOpenID: {"oALICE"}, HeaderAppID: {"wx0123456789abcdef"}}},
		{"longest user info", with(func(s *session.Session) { s.UserInfo = most }), http.Header{
			HeaderOpenID: {"oALICE"}, HeaderAppID: {"wx0123456789abcdef"}, HeaderUserInfo: {encoded(most)},
		}},
		{"longer user info", with(func(s *session.Session) { s.UserInfo = append(slices.Clone(most), 'x') }), http.Header{
			HeaderOpenID: {"oALICE"}, HeaderAppID: {"wx0123456789abcdef"},
		}},
		{"empty user info", with(func(s *session.Session) { s.UserInfo = []byte{} }), http.Header{
			HeaderOpenID: {"oALICE"}, HeaderAppID: {"wx0123456789abcdef"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := proxied("GET", "/")
			identify(r, callerOf(tt.session))
			if got := identityOf(r); !maps.EqualFunc(got, tt.want, slices.Equal[[]string]) {
				t.Errorf("headers %q; want %q", got, tt.want)
			}
			for name, values := range identityOf(r) {
				if name != http.CanonicalHeaderKey(name) {
					t.Errorf("header %q is not in canonical spelling: no other directive would find it", name)
				}
				for _, c := range []byte(values[0]) {
					if c < 0x21 || c > 0x7e {
						t.Errorf("%s holds the byte %#x", name, c)
					}
				}
			}
		})
	}
}

func TestIdentifyPlaceholders(t *testing.T) {
	placeholders := []string{"id", "openid", "appid", "unionid", "session_id", "userinfo", "phone"}
	read := func(r *http.Request) map[string]string {
		repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		got := make(map[string]string)
		for _, name := range placeholders {
			if v, ok := repl.GetString("http.auth.user." + name); ok {
				got[name] = v
			}
		}
		for _, name := range []string{"http.auth.user.", "http.auth.user.session_key", "http.auth.user.openid.x", "http.auth.user.OPENID"} {
			if v, ok := repl.Get(name); ok {
				t.Errorf("{%s} is %v", name, v)
			}
		}
		return got
	}
	r := proxied("GET", "/")
	if got := read(r); len(got) != 0 {
		t.Errorf("without a caller: %q", got)
	}

	s := full()
	s.UserInfo = slices.Repeat([]byte("x"), 2*maxIdentityHeader)
	identify(r, callerOf(s))
	want := map[string]string{
		"id": "oALICE", "openid": "oALICE", "appid": s.AppID, "unionid": "uALICE", "session_id": "session-id",
		"userinfo": base64.RawURLEncoding.EncodeToString(s.UserInfo), "phone": "+8613800000000",
	}
	if got := read(r); !maps.Equal(got, want) {
		t.Errorf("placeholders %q; want %q", got, want)
	}

	r = proxied("GET", "/")
	identify(r, callerOf(session.Session{ID: "i", AppID: "wx", OpenID: "oBOB"}))
	want = map[string]string{
		"id": "oBOB", "openid": "oBOB", "appid": "wx", "unionid": "", "session_id": "i", "userinfo": "", "phone": "",
	}
	if got := read(r); !maps.Equal(got, want) {
		t.Errorf("placeholders %q; want %q", got, want)
	}
}

// A caller serves many requests, at the same time too. Directives behind us work
// on the header's values in place: request_header replaces and appends. What
// one request does must show neither in another one nor in a neighbouring header.
func TestIdentifySharesNoValues(t *testing.T) {
	c := callerOf(full())
	request := func() *http.Request {
		r := proxied("GET", "/")
		identify(r, c)
		return r
	}
	want := identityOf(request())
	for name := range want {
		want[name] = slices.Clone(want[name])
	}
	other := request()

	ops := headers.HeaderOps{
		Add: http.Header{HeaderOpenID: {"oADDED"}, HeaderAppID: {"added"}},
		Replace: map[string][]headers.Replacement{
			"X-Wechat-*": {{SearchRegexp: ".*", Replace: "oEVE"}},
		},
	}
	if err := ops.Provision(caddy.Context{Context: t.Context()}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{HeaderOpenID, HeaderAppID, HeaderUnionID, HeaderUserInfo, HeaderPhone} {
		ops.Replace[name] = []headers.Replacement{{Search: want[name][0], Replace: "oEVE"}}
	}
	changed := request()
	ops.ApplyToRequest(changed)
	if got := changed.Header[HeaderOpenID]; !slices.Equal(got, []string{"oEVE", "oADDED"}) {
		t.Fatalf("the directive did not change the header: %q", got)
	}
	if got := changed.Header[HeaderAppID]; !slices.Equal(got, []string{"oEVE", "added"}) {
		t.Errorf("appending to one header changed its neighbour: %q", got)
	}
	unchanged := func(which string, r *http.Request) {
		t.Helper()
		if got := identityOf(r); !maps.EqualFunc(got, want, slices.Equal[[]string]) {
			t.Errorf("a directive on one request changed %s: %q", which, got)
		}
	}
	unchanged("the one before", other) // before another request could write the same values again
	unchanged("the next", request())
}

// Without Caddy's context (a test of another module, say) there is nobody to
// tell but the backend.
func TestIdentifyWithoutReplacer(t *testing.T) {
	r := proxied("GET", "/")
	vars := r.Context().Value(caddyhttp.VarsCtxKey)
	r = r.WithContext(context.WithValue(context.Background(), caddyhttp.VarsCtxKey, vars))
	identify(r, callerOf(full()))
	if got := r.Header.Get(HeaderOpenID); got != "oALICE" {
		t.Errorf("openid %q", got)
	}
}

func TestIdentifyAllocations(t *testing.T) {
	for name, s := range map[string]session.Session{
		"two headers": {ID: "i", AppID: "wx0123456789abcdef", OpenID: "oALICE"}, "five headers": full(),
	} {
		c, r := callerOf(s), proxied("GET", "/")
		r.Header = http.Header{HeaderOpenID: nil, HeaderAppID: nil, HeaderUnionID: nil, HeaderUserInfo: nil, HeaderPhone: nil}
		r = r.WithContext(context.Background()) // a replacer would take more with each run
		// one array for the values
		if n := testing.AllocsPerRun(100, func() { identify(r, c) }); n > 1 {
			t.Errorf("%s: %v allocations; want at most 1", name, n)
		}
	}
}

// The names that identify writes are those that scrub takes away, or a client's
// own would stay beside ours.
func TestIdentityHeadersAreReserved(t *testing.T) {
	for _, name := range []string{HeaderOpenID, HeaderAppID, HeaderUnionID, HeaderUserInfo, HeaderPhone} {
		if !reserved(name) {
			t.Errorf("%s is not reserved", name)
		}
		if name != http.CanonicalHeaderKey(strings.ToLower(name)) {
			t.Errorf("%s is not canonical", name)
		}
	}
}
