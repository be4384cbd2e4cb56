// relay_test.go: a call goes up with the app's token and little else, and comes back
// as WeChat answered it.

package relay

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

func TestCallGoesUpAndDown(t *testing.T) {
	picture := "\x89PNG\r\n" + strings.Repeat("\x00\xff", 50_000)
	w := start(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var names []string
		for name := range r.Header {
			names = append(names, name)
		}
		sort.Strings(names)
		got := fmt.Sprintf("%s %s %d %q %v %v", r.Method, r.URL.RequestURI(), r.ContentLength, body, names, r.TransferEncoding)
		var want string
		switch r.URL.Path {
		case "/wxa/getwxacodeunlimit":
			want = `POST /wxa/getwxacodeunlimit?access_token=T0&a=1&b=%2B+2 13 "{\"scene\":\"x\"}" [Accept Content-Length Content-Type User-Agent] []`
			w.Header().Set("Content-Type", "image/png")
			w.Header().Set("Content-Disposition", `attachment; filename="code.png"`)
			w.Header().Set("Set-Cookie", "a=b")
			w.Header().Set("X-Powered-By", "x")
			w.Header().Set("Location", "https://elsewhere")
			_, _ = io.WriteString(w, picture)
		case "/cgi-bin/menu/get":
			want = `GET /cgi-bin/menu/get?access_token=T0 0 "" [User-Agent] []`
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(500)
			_, _ = io.WriteString(w, `{"errcode":-1,"errmsg":"system error"}`)
		}
		if got != want {
			t.Errorf("WeChat got\n%s\nwant\n%s", got, want)
		}
	})
	a := w.ask(t, "POST", "/wxa/getwxacodeunlimit?a=1&b=%2B+2", `{"scene":"x"}`, "Content-Type", "application/json", "Accept", "image/*",
		"Cookie", "session=x", "Idempotency-Key", "k", "X-Forwarded-For", "1.2.3.4", "X-WeChat-AppID", mini.ID, "Range", "bytes=0-1", "Connection", "close")
	if a.status != 200 || a.body != picture || a.err != nil {
		t.Fatalf("%d, %d bytes, %v", a.status, len(a.body), a.err)
	}
	a.header.Del("Date")
	if got := fmt.Sprint(a.header); got != `map[Content-Disposition:[attachment; filename="code.png"] Content-Type:[image/png]]` {
		t.Errorf("header %s", got)
	}
	a = w.ask(t, "GET", "/cgi-bin/menu/get", "", "-Accept-Encoding", "")
	a.want(t, 500, `{"errcode":-1,"errmsg":"system error"}`)
	if got := a.header.Get("Content-Type"); got != "text/plain" {
		t.Errorf("Content-Type %q", got)
	}
	if got := fmt.Sprint(w.counted()); got != "[ok errcode]" {
		t.Errorf("counted %s", got)
	}
}

// A redirect of WeChat's would take the token elsewhere, were it followed or shown.
func TestRedirectIsNotFollowed(t *testing.T) {
	w := start(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://elsewhere.example/?"+r.URL.RawQuery)
		w.WriteHeader(302)
	})
	if a := w.ask(t, "GET", "/wxa/x", ""); a.status != 302 || len(a.header["Location"]) != 0 {
		t.Errorf("%d %v", a.status, a.header)
	}
}

func TestAppIsNamed(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, `{"errcode":0}`) }
	one := start(t, echo)
	one.ask(t, "GET", "/wxa/x", "").want(t, 200, "")
	one.ask(t, "GET", "/wxa/x", "", "X-WeChat-AppID", mini.ID).want(t, 200, "")
	one.ask(t, "GET", "/wxa/x", "", "X-WeChat-AppID", official.ID).want(t, 400, "X-WeChat-AppID")
	one.ask(t, "GET", "/wxa/x", "", "X-WeChat-AppID", mini.ID, "X-WeChat-AppID", mini.ID).want(t, 400, "X-WeChat-AppID")
	one.ask(t, "GET", "/wxa/x", "", "X-WeChat-AppID", "").want(t, 400, "X-WeChat-AppID")
	two := start(t, echo, func(o *Options) { o.Apps = []weixin.App{mini, official} })
	two.ask(t, "GET", "/wxa/x", "").want(t, 400, "several apps")
	two.ask(t, "GET", "/wxa/x", "", "X-WeChat-AppID", official.ID).want(t, 200, "")
	two.ask(t, "GET", "/wxa/x", "", "X-WeChat-AppID", "wx0").want(t, 400, "X-WeChat-AppID")
}

// A page that its user's browser runs must not call the relay, and a method that
// WeChat's API does not have goes nowhere.
func TestPagesAndMethods(t *testing.T) {
	w := start(t, neverAsked(t))
	w.ask(t, "POST", "/wxa/x", "", "Origin", "https://site.example").want(t, 403, `"access_denied"`)
	w.ask(t, "POST", "/wxa/x", "", "Origin", "null").want(t, 403, "browser")
	w.ask(t, "OPTIONS", "/wxa/x", "", "Origin", "https://site.example").want(t, 403, "browser")
	w.ask(t, "GET", "/wxa/x", "", "Sec-Fetch-Site", "none").want(t, 403, "browser")
	w.ask(t, "POST", "/cgi-bin/token", "secret="+testKey, "Origin", "https://site.example").want(t, 403, "browser")
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"} {
		a := w.ask(t, method, "/wxa/x", "")
		if a.want(t, 405, `"invalid_request"`); a.header.Get("Allow") != "GET, POST" {
			t.Errorf("Allow %q", a.header.Get("Allow"))
		}
	}
}

// What WeChat cannot be asked, and why, is said in the terms of the gateway.
func TestFailures(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		part   string
		result Result
	}{
		{&weixin.Error{Kind: weixin.KindRefused, Errcode: 40125}, 502, `"wechat_error"`, ResultNoToken},
		{&weixin.Error{Kind: weixin.KindMalformed}, 502, `"wechat_error"`, ResultNoToken},
		{&weixin.Error{Kind: weixin.KindRateLimited, Errcode: 45009}, 429, `"errcode":45009`, ResultNoToken},
		{&weixin.Error{Kind: weixin.KindBusy, Errcode: -1}, 503, `"temporarily_unavailable"`, ResultNoToken},
		{&weixin.Error{Kind: weixin.KindUnreachable}, 503, `"temporarily_unavailable"`, ResultNoToken},
		{&weixin.Error{Kind: weixin.KindOverloaded}, 503, `"temporarily_unavailable"`, ResultNoToken},
		{&weixin.Error{Kind: weixin.KindShed}, 503, `"temporarily_unavailable"`, ResultNoToken},
		{&weixin.Error{Kind: weixin.KindTimeout}, 504, `"temporarily_unavailable"`, ResultNoToken},
		{errTest, 502, `"wechat_error"`, ResultNoToken},
	} {
		w := start(t, neverAsked(t))
		w.tokens.err = tt.err
		a := w.ask(t, "GET", "/wxa/x", "")
		a.want(t, tt.status, tt.part)
		if after := a.header.Get("Retry-After"); (after != "") != (tt.status == 503 || tt.status == 429 || tt.status == 504) {
			t.Errorf("%v: Retry-After %q", tt.err, after)
		}
		if got := w.counted(); len(got) != 1 || got[0] != tt.result {
			t.Errorf("%v: counted %v", tt.err, got)
		}
	}
	slow := make(chan struct{})
	w := start(t, func(http.ResponseWriter, *http.Request) { <-slow }, func(o *Options) { o.Timeout = 50 * time.Millisecond; o.MaxConcurrent = 1 })
	t.Cleanup(func() { close(slow) })
	w.ask(t, "GET", "/wxa/x", "").want(t, 504, "in time")
	w.ask(t, "POST", "/wxa/x", "body").want(t, 504, "in time")
	w.places <- struct{}{}
	w.ask(t, "GET", "/wxa/x", "").want(t, 503, "too many calls")
	w = startAt(t, "http://127.0.0.1:1")
	w.ask(t, "GET", "/wxa/x", "").want(t, 503, "cannot be reached")
}

// Nothing that opens a door stands in a log line, and what support needs does.
func TestLog(t *testing.T) {
	core, lines := observer.New(zap.DebugLevel)
	w := start(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/wxa/ok":
			_, _ = io.WriteString(w, `{"errcode":0,"secret":"ANSWER"}`)
		case "/wxa/bad":
			_, _ = io.WriteString(w, `{"errcode":43101,"errmsg":"user refuse ANSWER rid: 6270dbb5-47d9f324-018472b7"}`)
		default:
			_, _ = io.WriteString(w, "no JSON ANSWER")
		}
	}, func(o *Options) { o.Logger = zap.New(core) })
	query := "?k=QUERY&secret=" + testKey + "&access_token=" + otherKey
	w.ask(t, "POST", "/wxa/ok"+query, "BODY")
	w.ask(t, "POST", "/wxa/bad"+query, "BODY")
	w.ask(t, "POST", "/wxa/other"+query, "BODY")
	w.ask(t, "POST", "/wxa/ok"+query, "BODY", "Authorization", "Bearer WRONGKEYWRONGKEY")
	w.ask(t, "GET", "/%41PATH?k=QUERY", "")
	w.ask(t, "GET", "/cgi-bin/token?grant_type=client_credential&appid="+mini.ID+"&secret="+testKey, "")
	w.ask(t, "GET", "/cgi-bin/token?grant_type=client_credential&appid="+mini.ID+"&secret=WRONGKEYWRONGKEY", "")
	w.tokens.err = &weixin.Error{Kind: weixin.KindRefused, Errcode: 40125}
	w.ask(t, "GET", "/wxa/ok", "")
	var all strings.Builder
	for _, line := range lines.All() {
		fmt.Fprintln(&all, line.Level, line.Message, line.ContextMap())
	}
	text := all.String()
	for _, hidden := range []string{"QUERY", "BODY", "ANSWER", "WRONGKEY", "PATH", testKey, otherKey, "T0", "relay_", "APPSECRET", "Bearer"} {
		if strings.Contains(text, hidden) {
			t.Errorf("%q is in the log:\n%s", hidden, text)
		}
	}
	for _, line := range []string{"debug relayed", "path:/wxa/bad", "errcode:43101", "rid:6270dbb5-47d9f324-018472b7", "status:401", "error relayed", "errcode:40125", "result:token"} {
		if !strings.Contains(text, line) {
			t.Errorf("%q is not in the log:\n%s", line, text)
		}
	}
	if lines.Len() != 8 {
		t.Errorf("%d lines for 8 calls", lines.Len())
	}
}

func TestOptionsAreChecked(t *testing.T) {
	base, _ := url.Parse("https://api.weixin.qq.com")
	good := Options{Base: base, Apps: []weixin.App{mini}, Tokens: new(tokens), Keys: []string{testKey}}
	for name, spoil := range map[string]func(*Options){
		"Base":     func(o *Options) { o.Base = nil },
		"Tokens":   func(o *Options) { o.Tokens = nil },
		"Apps":     func(o *Options) { o.Apps = nil },
		"key is":   func(o *Options) { o.Keys = nil },
		"at least": func(o *Options) { o.Keys = []string{testKey, "123456789012345"} },
		"blanks":   func(o *Options) { o.Keys = []string{"hunter2 hunter2 hunter2"} },
		"ASCII":    func(o *Options) { o.Keys = []string{"hunter2hunter2hünter2"} },
		"timeout":  func(o *Options) { o.Timeout = -1 },
		"begins":   func(o *Options) { o.Allow = []string{"wxa/x"} },
		"letters":  func(o *Options) { o.Allow = []string{"/wxa/%78"} },
		"segment":  func(o *Options) { o.Allow = []string{"/wxa//x"} },
		"never":    func(o *Options) { o.Allow = []string{"/sns/*"} },
	} {
		o := good
		spoil(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "2345") {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := New(good)
	if err != nil || r.timeout != 30*time.Second || cap(r.places) != 256 {
		t.Errorf("%v, %+v", err, r)
	}
}
