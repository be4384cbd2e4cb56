package caddymodule

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// proxied makes a request in the context that Caddy gives it.
func proxied(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	return caddyhttp.PrepareRequest(r, caddy.NewReplacer(), httptest.NewRecorder(), new(caddyhttp.Server))
}

func callerOf(s session.Session) *caller {
	return newCaller(tokenName{}, &s, &MiniProgram{AppID: s.AppID})
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
		{"bare", bare, http.Header{headerOpenID: {"oALICE"}, headerAppID: {"wx0123456789abcdef"}}},
		{"everything", full(), http.Header{
			headerOpenID: {"oALICE"}, headerAppID: {"wx0123456789abcdef"}, headerUnionID: {"uALICE"},
			headerUserInfo: {encoded(full().UserInfo)}, headerPhone: {"+8613800000000"},
		}},
		{"unionid", with(func(s *session.Session) { s.UnionID = "uALICE" }), http.Header{
			headerOpenID: {"oALICE"}, headerAppID: {"wx0123456789abcdef"}, headerUnionID: {"uALICE"},
		}},
		{"foreign phone", with(func(s *session.Session) {
			s.Phone = &session.Phone{PhoneNumber: "+15550100", PurePhoneNumber: "5550100", CountryCode: "1"}
		}), http.Header{headerOpenID: {"oALICE"}, headerAppID: {"wx0123456789abcdef"}, headerPhone: {"+15550100"}}},
		{"phone that is none", with(func(s *session.Session) {
			s.Phone = &session.Phone{PhoneNumber: "1\r\n2", PurePhoneNumber: "1\r\n2", CountryCode: "86"}
		}), http.Header{headerOpenID: {"oALICE"}, headerAppID: {"wx0123456789abcdef"}}},
		{"longest user info", with(func(s *session.Session) { s.UserInfo = most }), http.Header{
			headerOpenID: {"oALICE"}, headerAppID: {"wx0123456789abcdef"}, headerUserInfo: {encoded(most)},
		}},
		{"longer user info", with(func(s *session.Session) { s.UserInfo = append(slices.Clone(most), 'x') }), http.Header{
			headerOpenID: {"oALICE"}, headerAppID: {"wx0123456789abcdef"},
		}},
		{"empty user info", with(func(s *session.Session) { s.UserInfo = []byte{} }), http.Header{
			headerOpenID: {"oALICE"}, headerAppID: {"wx0123456789abcdef"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := proxied("GET", "/")
			cleanRequest{Request: r}.identify(callerOf(tt.session))
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
	cleanRequest{Request: r}.identify(callerOf(s))
	want := map[string]string{
		"id": "oALICE", "openid": "oALICE", "appid": s.AppID, "unionid": "uALICE", "session_id": "session-id",
		"userinfo": base64.RawURLEncoding.EncodeToString(s.UserInfo), "phone": "+8613800000000",
	}
	if got := read(r); !maps.Equal(got, want) {
		t.Errorf("placeholders %q; want %q", got, want)
	}

	r = proxied("GET", "/")
	cleanRequest{Request: r}.identify(callerOf(session.Session{ID: "i", AppID: "wx", OpenID: "oBOB"}))
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
		cleanRequest{Request: r}.identify(c)
		return r
	}
	want := identityOf(request())
	for name := range want {
		want[name] = slices.Clone(want[name])
	}
	other := request()

	ops := headers.HeaderOps{
		Add: http.Header{headerOpenID: {"oADDED"}, headerAppID: {"added"}},
		Replace: map[string][]headers.Replacement{
			"X-Wechat-*": {{SearchRegexp: ".*", Replace: "oEVE"}},
		},
	}
	if err := ops.Provision(caddy.Context{Context: t.Context()}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{headerOpenID, headerAppID, headerUnionID, headerUserInfo, headerPhone} {
		ops.Replace[name] = []headers.Replacement{{Search: want[name][0], Replace: "oEVE"}}
	}
	changed := request()
	ops.ApplyToRequest(changed)
	if got := changed.Header[headerOpenID]; !slices.Equal(got, []string{"oEVE", "oADDED"}) {
		t.Fatalf("the directive did not change the header: %q", got)
	}
	if got := changed.Header[headerAppID]; !slices.Equal(got, []string{"oEVE", "added"}) {
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

// Two wechat_auth handlers on one request: the second knows the caller, whose
// token the first has taken away. What a client says about it does not count.
func TestKnownCaller(t *testing.T) {
	r := proxied("GET", "/?"+url.QueryEscape(callerKey)+"=oEVE")
	r.Header[callerKey] = []string{"oEVE"}
	if c := knownCaller(r); c != nil {
		t.Fatalf("a fresh request has the caller %s", c.OpenID)
	}
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	repl.Set(callerKey, "oEVE") // as directives set texts
	if c := knownCaller(r); c != nil {
		t.Fatalf("a text is taken for the caller %s", c.OpenID)
	}
	repl.Delete(callerKey)
	c := callerOf(full())
	cleanRequest{Request: r}.identify(c)
	if knownCaller(r) != c {
		t.Error("the caller is not known behind the handler")
	}
	if shown, _ := repl.GetString(callerKey); shown != "" || fmt.Sprintf("%v%+v%s", c, c, c) != "" {
		t.Errorf("the caller is printed: %q", shown)
	}
	for _, text := range []string{"{" + callerKey + "}", `{\` + callerKey + "}", "{{" + callerKey + "}}", callerKey} {
		if got := repl.ReplaceAll(text, ""); strings.Contains(got, c.OpenID) || strings.Contains(got, c.ID) {
			t.Errorf("%q shows the caller: %s", text, got)
		}
	}
	if knownCaller(r.WithContext(context.Background())) != nil {
		t.Error("a request of another context has the caller")
	}
}

// Without Caddy's context (a test of another module, say) there is nobody to
// tell but the backend.
func TestIdentifyWithoutReplacer(t *testing.T) {
	r := proxied("GET", "/")
	vars := r.Context().Value(caddyhttp.VarsCtxKey)
	r = r.WithContext(context.WithValue(context.Background(), caddyhttp.VarsCtxKey, vars))
	cleanRequest{Request: r}.identify(callerOf(full()))
	if got := r.Header.Get(headerOpenID); got != "oALICE" {
		t.Errorf("openid %q", got)
	}
}

func TestIdentifyAllocations(t *testing.T) {
	for name, s := range map[string]session.Session{
		"two headers": {ID: "i", AppID: "wx0123456789abcdef", OpenID: "oALICE"}, "five headers": full(),
	} {
		c, r := callerOf(s), proxied("GET", "/")
		r.Header = http.Header{headerOpenID: nil, headerAppID: nil, headerUnionID: nil, headerUserInfo: nil, headerPhone: nil}
		r = r.WithContext(context.Background()) // a replacer would take more with each run
		// one array for the values
		if n := testing.AllocsPerRun(100, func() { cleanRequest{Request: r}.identify(c) }); n > 1 {
			t.Errorf("%s: %v allocations; want at most 1", name, n)
		}
	}
}

// The names that identify writes are those that scrub takes away, or a client's
// own would stay beside ours.
func TestIdentityHeadersAreReserved(t *testing.T) {
	for _, name := range []string{headerOpenID, headerAppID, headerUnionID, headerUserInfo, headerPhone} {
		if !reserved(name) {
			t.Errorf("%s is not reserved", name)
		}
		if name != http.CanonicalHeaderKey(strings.ToLower(name)) {
			t.Errorf("%s is not canonical", name)
		}
	}
}

// basic_auth before us set the same placeholder, for the same log field. Whoever
// decided last about the request is who it shows.
func TestIdentifyReplacesAnEarlierUser(t *testing.T) {
	r := proxied("GET", "/")
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	repl.Set("http.auth.user.id", "admin")
	cleanRequest{Request: r}.identify(callerOf(full()))
	if got, _ := repl.GetString("http.auth.user.id"); got != "oALICE" {
		t.Errorf("after basic_auth, the user is %q; want oALICE", got)
	}
	repl.Set("http.auth.user.id", "changed")
	if got, _ := repl.GetString("http.auth.user.id"); got != "changed" {
		t.Errorf("after a later directive, the user is %q; want its own", got)
	}
}
