package weblogin

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const (
	wechatUA = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50(0x18003237) NetType/WIFI Language/zh_CN"
	chromeUA = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)

// The whole address, byte for byte: WeChat's page wants the documented order.
func TestAuthorizeURL(t *testing.T) {
	s := site(t)
	callback := CallbackURL(s.Origin, s.Prefix)
	for _, c := range []struct {
		base string
		app  App
		want string
	}{
		{"https://open.weixin.qq.com", App{ID: appid, Kind: Official},
			"https://open.weixin.qq.com/connect/oauth2/authorize?appid=" + appid + "&redirect_uri=https%3A%2F%2Fapp.example.com%2Fwechat%2Fcallback&response_type=code&scope=snsapi_base&state=STATE#wechat_redirect"},
		{"https://open.weixin.qq.com/", App{ID: appid, Kind: Official, Scope: "snsapi_userinfo"},
			"https://open.weixin.qq.com/connect/oauth2/authorize?appid=" + appid + "&redirect_uri=https%3A%2F%2Fapp.example.com%2Fwechat%2Fcallback&response_type=code&scope=snsapi_userinfo&state=STATE#wechat_redirect"},
		{"http://127.0.0.1:8081/sim", App{ID: appid, Kind: Website, Scope: "snsapi_userinfo"},
			"http://127.0.0.1:8081/sim/connect/qrconnect?appid=" + appid + "&redirect_uri=https%3A%2F%2Fapp.example.com%2Fwechat%2Fcallback&response_type=code&scope=snsapi_login&state=STATE#wechat_redirect"},
	} {
		if got := AuthorizeURL(c.base, c.app, callback, "STATE"); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestChooseApp(t *testing.T) {
	official, website := App{ID: "wx000000000000000a", Kind: Official}, App{ID: "wx000000000000000b", Kind: Website}
	second := App{ID: "wx000000000000000c", Kind: Official}
	mini := App{ID: "wx000000000000000d", Kind: "mini"}
	all := []App{mini, website, official, second}
	in, out := headers("User-Agent", wechatUA), headers("User-Agent", chromeUA)
	for _, c := range []struct {
		name   string
		apps   []App
		named  []string
		header http.Header
		want   App
		err    error
	}{
		{"in WeChat", all, nil, in, official, nil},
		{"elsewhere", all, nil, out, website, nil},
		{"no User-Agent", all, nil, headers(), website, nil},
		{"named", all, []string{second.ID}, out, second, nil},
		{"mini program named", all, []string{mini.ID}, in, App{}, ErrUnknownApp},
		{"unknown", all, []string{appid}, in, App{}, ErrUnknownApp},
		{"empty", all, []string{""}, in, App{}, ErrUnknownApp},
		{"named twice", all, []string{second.ID, second.ID}, in, App{}, ErrUnknownApp},
		{"capitals", all, []string{strings.ToUpper(second.ID)}, in, App{}, ErrUnknownApp},
		{"no website app", []App{mini, official}, nil, out, App{}, ErrNeedsWeChat},
		{"no official app", []App{mini, website}, nil, in, App{}, ErrNeedsBrowser},
	} {
		if got, err := ChooseApp(c.apps, c.named, c.header); got != c.want || err != c.err {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestAuthorizePath(t *testing.T) {
	for in, want := range map[string]string{
		"/orders?page=2&a=b": "/wechat/authorize?return=%2Forders%3Fpage%3D2%26a%3Db",
		"//evil.example":     "/wechat/authorize?return=%2F",
		"/a&appid=x#y":       "/wechat/authorize?return=%2Fa%26appid%3Dx%23y",
	} {
		got := AuthorizePath("/wechat", in)
		u, err := url.Parse(got)
		if got != want || err != nil || u.Query().Get("return") != ParseReturn(in) {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestState(t *testing.T) {
	a, b := origin(t, "https://a.example"), origin(t, "https://b.example")
	sites := NewSites(a, b, origin(t, "http://localhost:8080"))
	seen := map[string]bool{}
	for range 1000 {
		state := newState(a)
		if len(state) > 64 || !validState(state) || seen[state] {
			t.Fatalf("%q", state)
		}
		seen[state] = true
		if got, ok := sites.Began(state); !ok || got != a {
			t.Fatalf("%q began at %q, %v", state, got, ok)
		}
	}
	nonce := newState(a)[:nonceLength]
	if got, ok := sites.Began(nonce + siteTag(b)); !ok || got != b {
		t.Errorf("b: %q, %v", got, ok)
	}
	for _, state := range []string{"", nonce, newState(origin(t, "https://evil.example")), newState(origin(t, "https://a.example:8443")), newState(origin(t, "http://a.example")),
		newState(a) + "0", newState(a)[1:], nonce + strings.ToUpper(siteTag(a)), "/" + newState(a)[1:]} {
		if got, ok := sites.Began(state); ok {
			t.Errorf("%q began at %q", state, got)
		}
	}
	if _, ok := (Sites{}).Began(newState(a)); ok {
		t.Error("the zero value knows a site")
	}
}

func TestCallback(t *testing.T) {
	state := newState(origin(t, "https://b.example"))
	for query, want := range map[string]string{
		"code=0a1B&state=" + state: "https://b.example/wechat/callback?code=0a1B&state=" + state,
		"state=" + state + "&code=0a1B&connect_redirect=1&uin=1&key=secret": "https://b.example/wechat/callback?code=0a1B&state=" + state,
		"state=" + state:                       "https://b.example/wechat/callback?state=" + state,
		"code=&state=" + state:                 "https://b.example/wechat/callback?state=" + state,
		"code=a%26state%3Dx%23&state=" + state: "https://b.example/wechat/callback?code=a%26state%3Dx%23&state=" + state,
	} {
		c, err := ParseCallback(query)
		if got := c.PassOn(origin(t, "https://b.example"), "/wechat"); err != nil || got != want {
			t.Errorf("%q: %q, %v", query, got, err)
		}
	}
	for _, query := range []string{"", "code=x", "state=", "state=x&code=x", "code=a&code=b&state=" + state, "code=a&state=" + state + "&state=" + state,
		"code=a%0d%0ab&state=" + state, "code=a%20b&state=" + state, "code=%ff&state=" + state, "code=" + strings.Repeat("x", maxCode+1) + "&state=" + state,
		"code=x&state=" + state[1:] + "%2f", "code=%zz&state=" + state, "code=a;b&state=" + state} {
		if c, err := ParseCallback(query); err != ErrBadCallback || c != (Callback{}) {
			t.Errorf("%q: %v, %v", query, c, err)
		}
	}
}
