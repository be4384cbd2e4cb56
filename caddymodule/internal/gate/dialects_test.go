package gate

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func TestParseDialects(t *testing.T) {
	for _, tt := range []struct {
		words []string
		want  Dialects
		ok    bool
	}{
		{nil, DialectWeChat, true},
		{[]string{"wechat"}, DialectWeChat, true},
		{[]string{"cloudrun"}, DialectCloudRun, true},
		{[]string{"cloudrun", "wechat"}, DialectWeChat | DialectCloudRun, true},
		{[]string{"WeChat"}, 0, false},
		{[]string{""}, 0, false},
		{[]string{"wechat", "wechat"}, 0, false},
	} {
		got, err := ParseDialects(tt.words)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%q: %v, %v; want %v", tt.words, got, err, tt.want)
		}
	}
}

func TestIdentifyByDialect(t *testing.T) {
	bare := session.Session{ID: "i", AppID: "wx0123456789abcdef", OpenID: "oBOB"}
	wechat := http.Header{HeaderOpenID: {"oBOB"}, HeaderAppID: {bare.AppID}}
	cloud := http.Header{HeaderCloudOpenID: {"oBOB"}, HeaderCloudAppID: {bare.AppID}, HeaderCloudSource: {"wx_client"}}
	both := maps.Clone(wechat)
	maps.Copy(both, cloud)
	asserted := maps.Clone(cloud)
	asserted[HeaderAssertion] = []string{"a.b.c"}
	known := maps.Clone(cloud)
	known[HeaderCloudUnionID] = []string{"uBOB"}
	bound := bare
	bound.UnionID = "uBOB"

	for name, tt := range map[string]struct {
		session   session.Session
		dialects  Dialects
		assertion string
		want      http.Header
	}{
		"wechat":             {bare, DialectWeChat, "", wechat},
		"cloudrun":           {bare, DialectCloudRun, "", cloud},
		"cloudrun, unionid":  {bound, DialectCloudRun, "", known},
		"both":               {bare, DialectWeChat | DialectCloudRun, "", both},
		"cloudrun, asserted": {bare, DialectCloudRun, "a.b.c", asserted},
	} {
		t.Run(name, func(t *testing.T) {
			r := proxied("GET", "/")
			Clean{Request: r}.Identify(callerOf(tt.session), tt.dialects, tt.assertion)
			if got := identityOf(r); !maps.EqualFunc(got, tt.want, slices.Equal[[]string]) {
				t.Errorf("headers %q; want %q", got, tt.want)
			}
			for name, values := range identityOf(r) {
				if len(values) != 1 || cap(values) != 1 {
					t.Errorf("%s can grow into its neighbour", name)
				}
			}
		})
	}
}

// Every header that a caller is told of in is one that Scrub takes from clients, and in
// the spelling in which Caddy's other directives look for it.
func TestDialectsAreReserved(t *testing.T) {
	names := []string{HeaderAssertion}
	for _, h := range identityHeaders {
		names = append(names, h.name)
	}
	for _, name := range names {
		if !reserved(name) || name != http.CanonicalHeaderKey(name) {
			t.Errorf("%s is not reserved, or not canonical", name)
		}
	}
	if got := len(DialectWeChat.headers()) + len(DialectCloudRun.headers()); got != len(identityHeaders) {
		t.Errorf("the dialects have %d headers; want %d", got, len(identityHeaders))
	}
}
