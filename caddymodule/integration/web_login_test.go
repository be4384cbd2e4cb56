// web_login_test.go: logins by redirect: pages inside WeChat, QR codes, and the ways in
// which they go wrong.

package integration

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

const (
	appOfficial, secretOfficial = "wx00000000000000cc", "secret-of-official-c-3fa85f64"
	appWebsite, secretWebsite   = "wx00000000000000dd", "secret-of-website-d-7c9e6679"

	inWeChat = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.49"
	onADesk  = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
)

// webSetup is a site with a mini program, pages inside WeChat and QR codes.
func webSetup() setup {
	return setup{
		Auth:   "wechat_auth {\n app *\n web_login\n public /public/*\n}",
		Wechat: inMemory + "app " + appOfficial + " " + secretOfficial + " official\napp " + appWebsite + " " + secretWebsite + " website\nopen_base <SIM>\n",
		Sim: wechattest.Options{
			Apps:  map[string]string{appA: secretA, appB: secretB, appOfficial: secretOfficial, appWebsite: secretWebsite},
			Kinds: map[string]wechattest.Kind{appA: wechattest.KindMini, appB: wechattest.KindMini, appOfficial: wechattest.KindOfficial, appWebsite: wechattest.KindWebsite},
		},
	}
}

// browser keeps cookies as one does, and follows nothing.
type browser struct {
	gw      *gateway
	agent   string
	cookies map[string]string
	mu      sync.Mutex
}

func newBrowser(gw *gateway, agent string) *browser {
	return &browser{gw: gw, agent: agent, cookies: make(map[string]string)}
}

// navigate opens a page, as a browser of today or, with old, of yesterday.
func (b *browser) open(t *testing.T, target string, extra ...string) reply {
	t.Helper()
	return b.send(t, call{Target: target, Header: header(append([]string{
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "none", "Accept", "text/html,*/*"}, extra...)...)})
}

func (b *browser) send(t *testing.T, c call) reply {
	t.Helper()
	if c.Header == nil {
		c.Header = make(http.Header)
	}
	c.Header["User-Agent"] = []string{b.agent}
	b.mu.Lock()
	var pairs []string
	for name, value := range b.cookies {
		pairs = append(pairs, name+"="+value)
	}
	b.mu.Unlock()
	if len(pairs) > 0 {
		c.Header["Cookie"] = []string{strings.Join(pairs, "; ")}
	}
	got := b.gw.h1.do(t, c)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, cookie := range (&http.Response{Header: got.Header}).Cookies() {
		if !strings.HasPrefix(cookie.Name, "__Host-") || !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" || cookie.SameSite != http.SameSiteLaxMode || cookie.Domain != "" {
			t.Errorf("cookie %s", cookie.Raw)
		}
		if cookie.MaxAge < 0 {
			delete(b.cookies, cookie.Name)
		} else {
			b.cookies[cookie.Name] = cookie.Value
		}
	}
	return got
}

// location is where an answer sends the browser.
func location(t *testing.T, got reply) *url.URL {
	t.Helper()
	requireStatus(t, got, 302)
	if got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control of a redirect: %q", got.Header.Get("Cache-Control"))
	}
	u, err := url.Parse(got.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// authorize begins a login and returns the state that WeChat is told.
func (b *browser) authorize(t *testing.T, query string) string {
	t.Helper()
	return location(t, b.open(t, "/wechat/authorize"+query)).Query().Get("state")
}

// code is what WeChat gives when somebody agrees.
func (b *browser) code(appid, openid string) string {
	return b.gw.sim.OAuthCode(wechattest.OAuthLogin{AppID: appid, OpenID: openid})
}

// enter logs somebody in and returns where the browser was sent.
func (b *browser) enter(t *testing.T, appid, openid, query string) string {
	t.Helper()
	state := b.authorize(t, query)
	return location(t, b.open(t, "/wechat/callback?code="+b.code(appid, openid)+"&state="+state)).String()
}

// requirePage fails unless an answer is a page that says what to do.
func requirePage(t *testing.T, got reply, status int) {
	t.Helper()
	requireStatus(t, got, status)
	h := got.Header
	if !strings.HasPrefix(h.Get("Content-Type"), "text/html") || h.Get("Cache-Control") != "no-store" ||
		!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || strings.Contains(got.Body, "<script") {
		t.Errorf("no page with a strict policy: %v", h)
	}
}

func TestWebLogin(t *testing.T) {
	gw := start(t, webSetup())
	b := newBrowser(gw, inWeChat)

	// a protected page sends a browser to log in, and nothing else
	to := location(t, b.open(t, "/orders?page=2&q=%20x"))
	if want := "/wechat/authorize?return=%2Forders%3Fpage%3D2%26q%3D%2520x"; to.String() != want {
		t.Fatalf("sent to %s; want %s", to, want)
	}
	for name, c := range map[string]call{
		"a call of a script":    {Target: "/orders", Header: header("Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin", "Accept", "text/html")},
		"a program":             {Target: "/orders"},
		"a bearer token":        {Target: "/orders", Token: "bad", Header: header("Sec-Fetch-Mode", "navigate")},
		"a form that is sent":   {Method: "POST", Target: "/orders", Header: header("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin")},
		"a mini program's call": {Target: "/orders", Header: header("Accept", "*/*")},
	} {
		if got := newBrowser(gw, inWeChat).send(t, c); got.Status != 401 {
			t.Errorf("%s is answered %d", name, got.Status)
		}
	}

	// WeChat's own address, its parameters in the documented order
	to = location(t, b.open(t, to.String()))
	raw := to.RawQuery
	host := "http%3A%2F%2F" + strings.ReplaceAll(gw.HTTP, ":", "%3A")
	if want := "appid=" + appOfficial + "&redirect_uri=" + host + "%2Fwechat%2Fcallback&response_type=code&scope=snsapi_base&state="; !strings.HasPrefix(raw, want) ||
		to.Path != "/connect/oauth2/authorize" || to.Fragment != "wechat_redirect" {
		t.Fatalf("WeChat is asked by %s; want %s", to, want)
	}
	state := to.Query().Get("state")
	if len(state) > 64 || strings.Trim(state, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
		t.Errorf("state %q", state)
	}

	code := b.code(appOfficial, alice)
	callback := "/wechat/callback?code=" + code + "&state=" + state
	got := b.open(t, callback)
	if to := location(t, got); to.String() != "/orders?page=2&q=%20x" {
		t.Errorf("sent back to %s", to)
	}
	if got.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Error("the next page learns the code")
	}
	requireStatus(t, b.open(t, "/orders"), 200)
	if seen := gw.up.only(t).Raw; !strings.Contains(seen, "X-Wechat-Openid: "+alice+"\r\n") || !strings.Contains(seen, "X-Wechat-Appid: "+appOfficial+"\r\n") || strings.Contains(seen, "__Host-wechat_session") {
		t.Errorf("the backend reads %s", seen)
	}

	// reloaded, it leads to the same place, and makes no second session
	if to := location(t, b.open(t, callback)); to.String() != "/orders?page=2&q=%20x" {
		t.Errorf("reloaded, it leads to %s", to)
	}
	requireCalls(t, gw, wechattest.PathOAuthToken, 1)
	// from any other browser it is worth nothing
	requirePage(t, newBrowser(gw, inWeChat).open(t, callback), 400)
	requireCalls(t, gw, wechattest.PathOAuthToken, 1)

	if strings.Contains(gw.logs(t), code) {
		t.Error("a log shows the code of a callback")
	}
	// logged out, the browser is nobody
	requireStatus(t, b.send(t, call{Method: "POST", Target: "/wechat/logout", Header: header("Sec-Fetch-Site", "same-origin")}), 204)
	if to := location(t, b.open(t, "/")); to.Path != "/wechat/authorize" {
		t.Errorf("after the logout: %s", to)
	}
}

// The kinds of app share one way in; a website's user info comes along.
func TestWebLoginByQRCode(t *testing.T) {
	gw := start(t, webSetup())
	b := newBrowser(gw, onADesk)
	to := location(t, b.open(t, "/wechat/authorize?return=/me"))
	if to.Path != "/connect/qrconnect" || to.Query().Get("scope") != "snsapi_login" || to.Query().Get("appid") != appWebsite {
		t.Fatalf("sent to %s", to)
	}
	requireStatus(t, b.open(t, "/wechat/callback?code="+b.code(appWebsite, alice)+"&state="+to.Query().Get("state")), 302)
	m := object(t, b.send(t, call{Target: "/wechat/session"}))
	info, _ := m["userinfo"].(map[string]any)
	if m["openid"] != alice || m["appid"] != appWebsite || info["openid"] != alice || info["nickname"] == nil || m["unionid"] == nil {
		t.Errorf("session %v", m)
	}
	for _, path := range []string{"userinfo", "phone", "opendata"} {
		got := b.send(t, call{Method: "POST", Target: "/wechat/" + path, Body: `{"encryptedData":"AAAA","iv":"AAAA"}`,
			Header: header("Content-Type", "application/json", "Sec-Fetch-Site", "same-origin")})
		requireProblem(t, got, 400, "invalid_request")
	}
	requireProblem(t, b.send(t, call{Target: "/wechat/session?check=wechat"}), 400, "invalid_request")
}

// POST login takes the codes of all kinds: of an app's SDK, of a page with WeChat's script.
func TestLoginTakesCodesOfEveryKind(t *testing.T) {
	gw := start(t, webSetup())
	for _, appid := range []string{appOfficial, appWebsite} {
		code := gw.sim.OAuthCode(wechattest.OAuthLogin{AppID: appid, OpenID: alice})
		body := `{"code":"` + code + `","appid":"` + appid + `"}`
		got := gw.h1.do(t, post("/wechat/login", "", body))
		requireStatus(t, got, 200)
		if m := object(t, got); m["appid"] != appid || m["openid"] != alice {
			t.Errorf("login of %s: %v", appid, m)
		}
		requireProblem(t, gw.h1.do(t, post("/wechat/login", "", body)), 400, "invalid_grant")
	}
	requireCalls(t, gw, wechattest.PathOAuthToken, 2)
	snapshot := gw.sim.OAuthCode(wechattest.OAuthLogin{AppID: appOfficial, Snapshot: true, Scope: "snsapi_userinfo"})
	requireProblem(t, gw.h1.do(t, post("/wechat/login", "", `{"code":"`+snapshot+`","appid":"`+appOfficial+`"}`)), 403, "access_denied")
	requireCalls(t, gw, wechattest.PathSNSUserInfo, 1) // of the website alone
}

func TestWebLoginRefusals(t *testing.T) {
	gw := start(t, webSetup())

	t.Run("the user says no", func(t *testing.T) {
		b := newBrowser(gw, inWeChat)
		requirePage(t, b.open(t, "/wechat/callback?state="+b.authorize(t, "")), 403)
	})
	t.Run("a snapshot page", func(t *testing.T) {
		b := newBrowser(gw, inWeChat)
		state := b.authorize(t, "")
		code := gw.sim.OAuthCode(wechattest.OAuthLogin{AppID: appOfficial, Snapshot: true})
		got := b.open(t, "/wechat/callback?code="+code+"&state="+state)
		requirePage(t, got, 403)
		if !strings.Contains(got.Body, "使用完整服务") || b.cookies["__Host-wechat_session"] != "" {
			t.Error("a snapshot user is somebody, or is not told what to do")
		}
	})
	t.Run("no login of this browser", func(t *testing.T) {
		before := gw.sim.CountCalls(wechattest.PathOAuthToken)
		victim, attacker := newBrowser(gw, inWeChat), newBrowser(gw, inWeChat)
		victim.authorize(t, "") // one of its own is pending
		state := attacker.authorize(t, "")
		code := attacker.code(appOfficial, eve)
		for name, target := range map[string]string{
			"state of another browser": "/wechat/callback?code=" + code + "&state=" + state,
			"no state":                 "/wechat/callback?code=" + code,
			"made-up state":            "/wechat/callback?code=" + code + "&state=" + strings.Repeat("A", len(state)),
			"two states":               "/wechat/callback?code=" + code + "&state=" + state + "&state=" + state,
		} {
			if got := victim.open(t, target); got.Status != 400 {
				t.Errorf("%s: %d", name, got.Status)
			}
		}
		got := victim.send(t, call{Target: "/wechat/callback?code=" + code + "&state=" + state})
		requireProblem(t, got, 400, "invalid_request")
		if n := gw.sim.CountCalls(wechattest.PathOAuthToken); n != before {
			t.Errorf("WeChat was asked %d times", n-before)
		}
	})
	t.Run("a code that WeChat refuses", func(t *testing.T) {
		b := newBrowser(gw, inWeChat)
		state := b.authorize(t, "?return=/x")
		to := location(t, b.open(t, "/wechat/callback?code=no-such-code&state="+state))
		if to.Path != "/wechat/authorize" || to.Query().Get("return") != "/x" {
			t.Fatalf("the first time leads to %s", to)
		}
		state = location(t, b.open(t, to.String())).Query().Get("state")
		got := b.open(t, "/wechat/callback?code=no-such-code-2&state="+state)
		requirePage(t, got, 400)
	})
	t.Run("where the site lacks the app", func(t *testing.T) {
		requireProblem(t, newBrowser(gw, inWeChat).send(t, call{Target: "/wechat/authorize?appid=" + appA}), 400, "invalid_request")
	})
	t.Run("HEAD redeems nothing", func(t *testing.T) {
		b := newBrowser(gw, inWeChat)
		state := b.authorize(t, "")
		got := b.send(t, call{Method: "HEAD", Target: "/wechat/callback?code=" + b.code(appOfficial, alice) + "&state=" + state})
		requireStatus(t, got, 405)
	})
	t.Run("WeChat is away", func(t *testing.T) {
		b := newBrowser(gw, inWeChat)
		state := b.authorize(t, "")
		fault(t, gw, wechattest.Fault{Path: wechattest.PathOAuthToken, ErrCode: -1})
		got := b.open(t, "/wechat/callback?code="+b.code(appOfficial, alice)+"&state="+state)
		requirePage(t, got, 503)
		if got.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	})
}

// A web-view loads a callback twice, or gives the first load up: one session.
func TestWebLoginLoadedTwice(t *testing.T) {
	gw := start(t, webSetup())
	b := newBrowser(gw, inWeChat)
	state := b.authorize(t, "?return=/x")
	target := "/wechat/callback?code=" + b.code(appOfficial, alice) + "&state=" + state
	fault(t, gw, wechattest.Fault{Path: wechattest.PathOAuthToken, Delay: 300 * time.Millisecond})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if got := b.open(t, target); got.Status != 302 || got.Header.Get("Location") != "/x" {
				t.Errorf("%d %s", got.Status, got.Header.Get("Location"))
			}
		})
	}
	wg.Wait()
	requireCalls(t, gw, wechattest.PathOAuthToken, 1)
	requireStatus(t, b.open(t, "/x"), 200)
}

// Nothing but a path of this site is ever returned to.
func TestWebLoginReturns(t *testing.T) {
	gw := start(t, webSetup())
	for _, path := range []string{
		"https://evil.example/", "//evil.example", `/\evil.example`, "/%2f/evil.example", "/%5cevil.example", "/\t/evil.example",
		"\n//evil.example", "evil.example", "", "javascript:alert(1)", "/.//evil.example", "/a/..//evil.example", "/" + strings.Repeat("x", 1025),
	} {
		b := newBrowser(gw, inWeChat)
		if to := b.enter(t, appOfficial, alice, "?return="+url.QueryEscape(path)); to != "/" {
			t.Errorf("return %q leads to %q", path, to)
		}
	}
	if to := newBrowser(gw, inWeChat).enter(t, appOfficial, alice, "?return="+url.QueryEscape("/a/b?c=d#e")); to != "/a/b?c=d#e" {
		t.Errorf("a good return leads to %q", to)
	}
}

// Three tabs at once, each with its own login.
func TestWebLoginInTabs(t *testing.T) {
	gw := start(t, webSetup())
	b := newBrowser(gw, inWeChat)
	var states []string
	for _, tab := range []string{"/a", "/b", "/c"} {
		states = append(states, b.authorize(t, "?return="+tab))
	}
	for i, state := range states {
		to := location(t, b.open(t, "/wechat/callback?code="+b.code(appOfficial, alice)+"&state="+state))
		if want := "/" + string(rune('a'+i)); to.String() != want {
			t.Errorf("tab %d leads to %s", i, to)
		}
	}
}

// From a mini program into its web-view.
func TestTicket(t *testing.T) {
	gw := start(t, webSetup())
	token := login(t, gw, alice)
	ticket := func() string {
		got := gw.h1.do(t, call{Method: "POST", Target: "/wechat/ticket", Token: token})
		requireStatus(t, got, 200)
		var answer struct {
			Ticket    string
			ExpiresIn int `json:"expires_in"`
		}
		if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || answer.ExpiresIn != 60 || answer.Ticket == "" {
			t.Fatalf("%s", got.Body)
		}
		return answer.Ticket
	}
	first := ticket()
	b := newBrowser(gw, inWeChat)
	if to := location(t, b.open(t, "/wechat/enter?ticket="+first+"&return=/shop?x=1")); to.String() != "/shop?x=1" {
		t.Errorf("sent to %s", to)
	}
	requireStatus(t, b.open(t, "/shop"), 200)
	if seen := gw.up.only(t).Raw; !strings.Contains(seen, "X-Wechat-Openid: "+alice+"\r\n") || !strings.Contains(seen, "X-Wechat-Appid: "+appA+"\r\n") {
		t.Errorf("the backend reads %s", seen)
	}
	if !alive(t, gw, token) {
		t.Error("the mini program's own session has ended")
	}
	// once, and never in another's place
	requireStatus(t, newBrowser(gw, inWeChat).open(t, "/wechat/enter?ticket="+first), 401)
	other := newBrowser(gw, inWeChat)
	other.enter(t, appOfficial, eve, "")
	second := ticket()
	requirePage(t, other.open(t, "/wechat/enter?ticket="+second), 403)
	requireStatus(t, newBrowser(gw, inWeChat).open(t, "/wechat/enter?ticket="+second), 302) // that did not spend it
	for _, bad := range []string{"", "x", second[:len(second)-1], second + "A", first} {
		got := newBrowser(gw, inWeChat).send(t, call{Target: "/wechat/enter?ticket=" + bad})
		requireProblem(t, got, 401, "invalid_token")
	}
	third := ticket()
	requireStatus(t, gw.h1.do(t, call{Method: "POST", Target: "/wechat/logout", Token: token}), 204)
	requireStatus(t, newBrowser(gw, inWeChat).open(t, "/wechat/enter?ticket="+third), 401)
	if strings.Contains(gw.logs(t), third) {
		t.Error("a log shows a ticket")
	}
}

// One registered domain for many sites.
func TestWebLoginVia(t *testing.T) {
	s := webSetup()
	s.Auth = "wechat_auth {\n app *\n web_login {\n via http://localhost:1\n for http://<HTTP> http://localhost:2\n }\n}"
	gw := start(t, s)
	b := newBrowser(gw, inWeChat)
	to := location(t, b.open(t, "/wechat/authorize?return=/x"))
	if want := "http://localhost:1/wechat/callback"; to.Query().Get("redirect_uri") != want {
		t.Fatalf("redirect_uri %s; want %s", to.Query().Get("redirect_uri"), want)
	}
	state := to.Query().Get("state")
	// the registered site passes on what came, by state alone, without any cookie of it
	passed := location(t, newBrowser(gw, inWeChat).open(t, "/wechat/callback?code=C0DE&state="+state))
	if want := "http://" + gw.HTTP + "/wechat/callback?code=C0DE&state=" + state; passed.String() != want {
		t.Errorf("passed on to %s; want %s", passed, want)
	}
	if refusal := location(t, newBrowser(gw, inWeChat).open(t, "/wechat/callback?state="+state)); refusal.RawQuery != "state="+state {
		t.Errorf("a refusal is passed on as %s", refusal)
	}
	other := setup{Auth: "wechat_auth {\n app *\n web_login {\n for http://localhost:2\n }\n}", Wechat: s.Wechat, Sim: s.Sim}
	reload(t, gw, other)
	requireStatus(t, newBrowser(gw, inWeChat).open(t, "/wechat/callback?code=C0DE&state="+state), 400)
}

func TestNoWebLogin(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory, Auth: "wechat_auth {\n cookie\n}"})
	for _, path := range []string{"authorize", "callback?code=a&state=b", "enter?ticket=x"} {
		requireStatus(t, newBrowser(gw, inWeChat).open(t, "/wechat/"+path), 404)
	}
	requireStatus(t, gw.h1.do(t, call{Method: "POST", Target: "/wechat/ticket", Token: login(t, gw, alice)}), 404)
	requireStatus(t, newBrowser(gw, inWeChat).open(t, "/orders"), 401)
}
