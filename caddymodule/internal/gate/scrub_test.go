// scrub_test.go: which header names count as ours, and what scrub leaves.

package gate

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// foldForTest is what CGI and its descendants make of a header name, written
// apart from the product's rule.
func foldForTest(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(strings.Map(func(r rune) rune {
		if r > 0x7f { // no header name; "ſ" must not become "s", nor "K" "k"
			return '_'
		}
		return r
	}, name)))
}

func TestReserved(t *testing.T) {
	for name, want := range map[string]bool{
		"X-Wechat-Openid": true, "X-WeChat-OpenID": true, "x-wechat-": true, "X_WECHAT_OPENID": true, "x.wechat.openid": true,
		"X!WeChat!": true, "X-Wechat-Anything-At-All": true, "X-Wx-Openid": true, "x_wx-source": true, "X^wx|x": true,
		"": false, "X": false, "X-Wechat": false, "X-Wx": false, "X-WechatOpenid": false, "XWechat-Openid": false, "X--Wechat-Openid": false,
		"X-Wxx-Openid": false, "X-Wechats-Openid": false, "Wechat-Openid": false, "Y-Wechat-Openid": false, "X1Wechat-Openid": false,
		"My-X-Wechat-Openid": false, "X-Weixin-Openid": false, "Authorization": false,
	} {
		if got := reserved(name); got != want {
			t.Errorf("reserved(%q) = %v; want %v", name, got, want)
		}
	}
}

// FuzzReserved holds the rule against a folding of its own: whatever a backend
// folds onto one of our names is reserved, and nothing else is.
func FuzzReserved(f *testing.F) {
	for _, name := range []string{"X-Wechat-Openid", "x_wx.openid", "X-Wechat", "X~WeChat|Phone", "Content-Type", "X-ＷX-A", "\x00", "X-W\u212a-A"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, b := range []byte(name) {
			if b >= 0x80 {
				return // net/http lets no such name in
			}
		}
		folded := foldForTest(name)
		want := strings.HasPrefix(folded, "x_wechat_") || strings.HasPrefix(folded, "x_wx_")
		if got := reserved(name); got != want {
			t.Errorf("reserved(%q) = %v; want %v", name, got, want)
		}
	})
}

// What the client says of the connection, of upgrades and of trailers is gone
// after Scrub, but for exactly a WebSocket.
func TestScrub(t *testing.T) {
	for name, test := range map[string]struct {
		connection, upgrade []string
		kept                bool
	}{
		"nothing":              {nil, nil, false},
		"a websocket":          {[]string{"Upgrade"}, []string{"websocket"}, true},
		"among others":         {[]string{"keep-alive, X-Wechat-Openid", "upgrade"}, []string{"WebSocket"}, true},
		"a blank of Unicode":   {[]string{"Upgrade"}, []string{"\u00a0websocket"}, false},
		"a blank of Latin-1":   {[]string{"Upgrade"}, []string{"\xa0websocket"}, false},
		"a blank":              {[]string{"Upgrade"}, []string{" websocket"}, false}, // no HTTP server leaves one
		"a long s":             {[]string{"Upgrade"}, []string{"web\u017focket"}, false},
		"a Kelvin sign":        {[]string{"Upgrade"}, []string{"websoc\u212aet"}, false},
		"h2c":                  {[]string{"Upgrade, HTTP2-Settings"}, []string{"h2c"}, false},
		"both":                 {[]string{"Upgrade"}, []string{"websocket, h2c"}, false},
		"two lines":            {[]string{"Upgrade"}, []string{"websocket", "h2c"}, false},
		"not in Connection":    {[]string{"close"}, []string{"websocket"}, false},
		"without Connection":   {nil, []string{"websocket"}, false},
		"only Connection":      {[]string{"Upgrade"}, nil, false},
		"identity and nothing": {[]string{"X-Wechat-Openid"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", strings.NewReader("body"))
			r.Header = http.Header{
				"X-Wechat-Openid": {"eve"}, "X_wx_openid": {"eve"}, "x-WECHAT-raw": {"eve"}, "Http2-Settings": {"AAA"},
				"Trailer": {"X-Wechat-Openid"}, "X-Other": {"stays"},
			}
			if test.connection != nil {
				r.Header["Connection"] = test.connection
			}
			if test.upgrade != nil {
				r.Header["Upgrade"] = test.upgrade
			}
			r.Trailer = http.Header{"X-Wechat-Openid": {"eve"}}
			got := Scrub(r)
			if got.Request == r || got.Trailer != nil || !got.Trailers {
				t.Error("the trailers can come back")
			}
			want := map[string]string{"X-Other": "stays"}
			if test.kept {
				want["Connection"], want["Upgrade"] = "Upgrade", "websocket"
			}
			for name, values := range got.Header {
				if len(values) != 1 || values[0] != want[name] {
					t.Errorf("%s: %q; want %q", name, values, want[name])
				}
				delete(want, name)
			}
			if len(want) > 0 {
				t.Errorf("missing: %v", want)
			}
		})
	}
}
