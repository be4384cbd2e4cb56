// web_login_test.go: logins by redirect: pages inside WeChat, QR codes, and the ways in
// which they go wrong.

package wechatauth_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// browser keeps cookies as one does, and follows nothing.
type browser struct {
	gw      *gatewaytest.Gateway
	agent   string
	cookies map[string]string
	mu      sync.Mutex
}

func newBrowser(gw *gatewaytest.Gateway, agent string) *browser {
	return &browser{gw: gw, agent: agent, cookies: make(map[string]string)}
}

// navigate opens a page, as a browser of today or, with old, of yesterday.
func (b *browser) open(t *testing.T, target string, extra ...string) gatewaytest.Reply {
	t.Helper()
	return b.send(t, gatewaytest.Call{Target: target, Header: gatewaytest.Header(append([]string{
		"Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "none", "Accept", "text/html,*/*"}, extra...)...)})
}

func (b *browser) send(t *testing.T, c gatewaytest.Call) gatewaytest.Reply {
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
	got := b.gw.H1.Do(t, c)
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
func location(t *testing.T, got gatewaytest.Reply) *url.URL {
	t.Helper()
	gatewaytest.RequireStatus(t, got, 302)
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
	return b.gw.Sim.OAuthCode(wechattest.OAuthLogin{AppID: appid, OpenID: openid})
}

// enter logs somebody in and returns where the browser was sent.
func (b *browser) enter(t *testing.T, appid, openid, query string) string {
	t.Helper()
	state := b.authorize(t, query)
	return location(t, b.open(t, "/wechat/callback?code="+b.code(appid, openid)+"&state="+state)).String()
}

// requirePage fails unless an answer is a page that says what to do.
func requirePage(t *testing.T, got gatewaytest.Reply, status int) {
	t.Helper()
	gatewaytest.RequireStatus(t, got, status)
	h := got.Header
	if !strings.HasPrefix(h.Get("Content-Type"), "text/html") || h.Get("Cache-Control") != "no-store" ||
		!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || strings.Contains(got.Body, "<script") {
		t.Errorf("no page with a strict policy: %v", h)
	}
}

func TestWebLogin(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.WebSetup())
	b := newBrowser(gw, gatewaytest.InWeChat)

	// a protected page sends a browser to log in, and nothing else
	to := location(t, b.open(t, "/orders?page=2&q=%20x"))
	if want := "/wechat/authorize?return=%2Forders%3Fpage%3D2%26q%3D%2520x"; to.String() != want {
		t.Fatalf("sent to %s; want %s", to, want)
	}
	for name, c := range map[string]gatewaytest.Call{
		"a call of a script":    {Target: "/orders", Header: gatewaytest.Header("Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-origin", "Accept", "text/html")},
		"a program":             {Target: "/orders"},
		"a bearer token":        {Target: "/orders", Token: "bad", Header: gatewaytest.Header("Sec-Fetch-Mode", "navigate")},
		"a form that is sent":   {Method: "POST", Target: "/orders", Header: gatewaytest.Header("Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "same-origin")},
		"a mini program's call": {Target: "/orders", Header: gatewaytest.Header("Accept", "*/*")},
	} {
		if got := newBrowser(gw, gatewaytest.InWeChat).send(t, c); got.Status != 401 {
			t.Errorf("%s is answered %d", name, got.Status)
		}
	}

	// WeChat's own address, its parameters in the documented order
	to = location(t, b.open(t, to.String()))
	raw := to.RawQuery
	host := "http%3A%2F%2F" + strings.ReplaceAll(gw.HTTP, ":", "%3A")
	if want := "appid=" + gatewaytest.AppOfficial + "&redirect_uri=" + host + "%2Fwechat%2Fcallback&response_type=code&scope=snsapi_base&state="; !strings.HasPrefix(raw, want) ||
		to.Path != "/connect/oauth2/authorize" || to.Fragment != "wechat_redirect" {
		t.Fatalf("WeChat is asked by %s; want %s", to, want)
	}
	state := to.Query().Get("state")
	if len(state) > 64 || strings.Trim(state, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
		t.Errorf("state %q", state)
	}

	code := b.code(gatewaytest.AppOfficial, gatewaytest.Alice)
	callback := "/wechat/callback?code=" + code + "&state=" + state
	got := b.open(t, callback)
	if to := location(t, got); to.String() != "/orders?page=2&q=%20x" {
		t.Errorf("sent back to %s", to)
	}
	if got.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Error("the next page learns the code")
	}
	gatewaytest.RequireStatus(t, b.open(t, "/orders"), 200)
	if seen := gw.Upstream.Only(t).Raw; !strings.Contains(seen, "X-Wechat-Openid: "+gatewaytest.Alice+"\r\n") || !strings.Contains(seen, "X-Wechat-Appid: "+gatewaytest.AppOfficial+"\r\n") || strings.Contains(seen, "__Host-wechat_session") {
		t.Errorf("the backend reads %s", seen)
	}

	// reloaded, it leads to the same place, and makes no second session
	if to := location(t, b.open(t, callback)); to.String() != "/orders?page=2&q=%20x" {
		t.Errorf("reloaded, it leads to %s", to)
	}
	gatewaytest.RequireCalls(t, gw, wechattest.PathOAuthToken, 1)
	// from any other browser it is worth nothing
	requirePage(t, newBrowser(gw, gatewaytest.InWeChat).open(t, callback), 400)
	gatewaytest.RequireCalls(t, gw, wechattest.PathOAuthToken, 1)

	if strings.Contains(gw.Logs(t), code) {
		t.Error("a log shows the code of a callback")
	}
	// logged out, the browser is nobody
	gatewaytest.RequireStatus(t, b.send(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Header: gatewaytest.Header("Sec-Fetch-Site", "same-origin")}), 204)
	if to := location(t, b.open(t, "/")); to.Path != "/wechat/authorize" {
		t.Errorf("after the logout: %s", to)
	}
}

// The kinds of app share one way in; a website's user info comes along.
func TestWebLoginByQRCode(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.WebSetup())
	b := newBrowser(gw, gatewaytest.OnADesk)
	to := location(t, b.open(t, "/wechat/authorize?return=/me"))
	if to.Path != "/connect/qrconnect" || to.Query().Get("scope") != "snsapi_login" || to.Query().Get("appid") != gatewaytest.AppWebsite {
		t.Fatalf("sent to %s", to)
	}
	gatewaytest.RequireStatus(t, b.open(t, "/wechat/callback?code="+b.code(gatewaytest.AppWebsite, gatewaytest.Alice)+"&state="+to.Query().Get("state")), 302)
	m := gatewaytest.JSON(t, b.send(t, gatewaytest.Call{Target: "/wechat/session"}))
	info, _ := m["userinfo"].(map[string]any)
	if m["openid"] != gatewaytest.Alice || m["appid"] != gatewaytest.AppWebsite || info["openid"] != gatewaytest.Alice || info["nickname"] == nil || m["unionid"] == nil {
		t.Errorf("session %v", m)
	}
	for _, path := range []string{"userinfo", "phone", "opendata"} {
		got := b.send(t, gatewaytest.Call{Method: "POST", Target: "/wechat/" + path, Body: `{"encryptedData":"AAAA","iv":"AAAA"}`,
			Header: gatewaytest.Header("Content-Type", "application/json", "Sec-Fetch-Site", "same-origin")})
		gatewaytest.RequireProblem(t, got, 400, "invalid_request")
	}
	gatewaytest.RequireProblem(t, b.send(t, gatewaytest.Call{Target: "/wechat/session?check=wechat"}), 400, "invalid_request")
}

// POST login takes the codes of all kinds: of an app's SDK, of a page with WeChat's script.
func TestLoginTakesCodesOfEveryKind(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.WebSetup())
	for _, appid := range []string{gatewaytest.AppOfficial, gatewaytest.AppWebsite} {
		code := gw.Sim.OAuthCode(wechattest.OAuthLogin{AppID: appid, OpenID: gatewaytest.Alice})
		body := `{"code":"` + code + `","appid":"` + appid + `"}`
		got := gw.H1.Do(t, gatewaytest.Post("/wechat/login", "", body))
		gatewaytest.RequireStatus(t, got, 200)
		if m := gatewaytest.JSON(t, got); m["appid"] != appid || m["openid"] != gatewaytest.Alice {
			t.Errorf("login of %s: %v", appid, m)
		}
		gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/login", "", body)), 400, "invalid_grant")
	}
	gatewaytest.RequireCalls(t, gw, wechattest.PathOAuthToken, 2)
	snapshot := gw.Sim.OAuthCode(wechattest.OAuthLogin{AppID: gatewaytest.AppOfficial, Snapshot: true, Scope: "snsapi_userinfo"})
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/login", "", `{"code":"`+snapshot+`","appid":"`+gatewaytest.AppOfficial+`"}`)), 403, "access_denied")
	gatewaytest.RequireCalls(t, gw, wechattest.PathSNSUserInfo, 1) // of the website alone
}

func TestWebLoginRefusals(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.WebSetup())

	t.Run("the user says no", func(t *testing.T) {
		b := newBrowser(gw, gatewaytest.InWeChat)
		requirePage(t, b.open(t, "/wechat/callback?state="+b.authorize(t, "")), 403)
	})
	t.Run("a snapshot page", func(t *testing.T) {
		b := newBrowser(gw, gatewaytest.InWeChat)
		state := b.authorize(t, "")
		code := gw.Sim.OAuthCode(wechattest.OAuthLogin{AppID: gatewaytest.AppOfficial, Snapshot: true})
		got := b.open(t, "/wechat/callback?code="+code+"&state="+state)
		requirePage(t, got, 403)
		if !strings.Contains(got.Body, "使用完整服务") || b.cookies["__Host-wechat_session"] != "" {
			t.Error("a snapshot user is somebody, or is not told what to do")
		}
		// a web-view that loads twice may show the second answer: never a way round and round
		for range 2 {
			got := b.open(t, "/wechat/callback?code="+code+"&state="+state)
			if requirePage(t, got, 403); !strings.Contains(got.Body, "使用完整服务") {
				t.Errorf("the second load reads something else: %s", got.Body)
			}
		}
	})
	t.Run("no login of this browser", func(t *testing.T) {
		before := gw.Sim.CountCalls(wechattest.PathOAuthToken)
		victim, attacker := newBrowser(gw, gatewaytest.InWeChat), newBrowser(gw, gatewaytest.InWeChat)
		victim.authorize(t, "") // one of its own is pending
		state := attacker.authorize(t, "")
		code := attacker.code(gatewaytest.AppOfficial, gatewaytest.Eve)
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
		got := victim.send(t, gatewaytest.Call{Target: "/wechat/callback?code=" + code + "&state=" + state})
		gatewaytest.RequireProblem(t, got, 400, "invalid_request")
		if n := gw.Sim.CountCalls(wechattest.PathOAuthToken); n != before {
			t.Errorf("WeChat was asked %d times", n-before)
		}
	})
	t.Run("a code that WeChat refuses", func(t *testing.T) {
		b := newBrowser(gw, gatewaytest.InWeChat)
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
		gatewaytest.RequireProblem(t, newBrowser(gw, gatewaytest.InWeChat).send(t, gatewaytest.Call{Target: "/wechat/authorize?appid=" + gatewaytest.AppA}), 400, "invalid_request")
	})
	t.Run("HEAD redeems nothing", func(t *testing.T) {
		b := newBrowser(gw, gatewaytest.InWeChat)
		state := b.authorize(t, "")
		got := b.send(t, gatewaytest.Call{Method: "HEAD", Target: "/wechat/callback?code=" + b.code(gatewaytest.AppOfficial, gatewaytest.Alice) + "&state=" + state})
		gatewaytest.RequireStatus(t, got, 405)
	})
	t.Run("WeChat is away", func(t *testing.T) {
		b := newBrowser(gw, gatewaytest.InWeChat)
		state := b.authorize(t, "")
		gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathOAuthToken, ErrCode: -1})
		got := b.open(t, "/wechat/callback?code="+b.code(gatewaytest.AppOfficial, gatewaytest.Alice)+"&state="+state)
		requirePage(t, got, 503)
		if got.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	})
}

// A web-view loads a callback twice, or gives the first load up: one session.
func TestWebLoginLoadedTwice(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.WebSetup())
	b := newBrowser(gw, gatewaytest.InWeChat)
	state := b.authorize(t, "?return=/x")
	target := "/wechat/callback?code=" + b.code(gatewaytest.AppOfficial, gatewaytest.Alice) + "&state=" + state
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathOAuthToken, Delay: 300 * time.Millisecond})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if got := b.open(t, target); got.Status != 302 || got.Header.Get("Location") != "/x" {
				t.Errorf("%d %s", got.Status, got.Header.Get("Location"))
			}
		})
	}
	wg.Wait()
	gatewaytest.RequireCalls(t, gw, wechattest.PathOAuthToken, 1)
	gatewaytest.RequireStatus(t, b.open(t, "/x"), 200)
}

// Nothing but a path of this site is ever returned to.
func TestWebLoginReturns(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.WebSetup())
	for _, path := range []string{
		"https://evil.example/", "//evil.example", `/\evil.example`, "/%2f/evil.example", "/%5cevil.example", "/\t/evil.example",
		"\n//evil.example", "evil.example", "", "javascript:alert(1)", "/.//evil.example", "/a/..//evil.example", "/" + strings.Repeat("x", 1025),
	} {
		b := newBrowser(gw, gatewaytest.InWeChat)
		if to := b.enter(t, gatewaytest.AppOfficial, gatewaytest.Alice, "?return="+url.QueryEscape(path)); to != "/" {
			t.Errorf("return %q leads to %q", path, to)
		}
	}
	if to := newBrowser(gw, gatewaytest.InWeChat).enter(t, gatewaytest.AppOfficial, gatewaytest.Alice, "?return="+url.QueryEscape("/a/b?c=d#e")); to != "/a/b?c=d#e" {
		t.Errorf("a good return leads to %q", to)
	}
}

// Three tabs at once, each with its own login.
func TestWebLoginInTabs(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.WebSetup())
	b := newBrowser(gw, gatewaytest.InWeChat)
	var states []string
	for _, tab := range []string{"/a", "/b", "/c"} {
		states = append(states, b.authorize(t, "?return="+tab))
	}
	for i, state := range states {
		to := location(t, b.open(t, "/wechat/callback?code="+b.code(gatewaytest.AppOfficial, gatewaytest.Alice)+"&state="+state))
		if want := "/" + string(rune('a'+i)); to.String() != want {
			t.Errorf("tab %d leads to %s", i, to)
		}
	}
}

// From a mini program into its web-view.
func TestTicket(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.WebSetup())
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	ticket := func() string {
		got := gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/ticket", Token: token})
		gatewaytest.RequireStatus(t, got, 200)
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
	b := newBrowser(gw, gatewaytest.InWeChat)
	if to := location(t, b.open(t, "/wechat/enter?ticket="+first+"&return=/shop?x=1")); to.String() != "/shop?x=1" {
		t.Errorf("sent to %s", to)
	}
	gatewaytest.RequireStatus(t, b.open(t, "/shop"), 200)
	if seen := gw.Upstream.Only(t).Raw; !strings.Contains(seen, "X-Wechat-Openid: "+gatewaytest.Alice+"\r\n") || !strings.Contains(seen, "X-Wechat-Appid: "+gatewaytest.AppA+"\r\n") {
		t.Errorf("the backend reads %s", seen)
	}
	if !gatewaytest.Alive(t, gw, token) {
		t.Error("the mini program's own session has ended")
	}
	// once, and never in another's place
	gatewaytest.RequireStatus(t, newBrowser(gw, gatewaytest.InWeChat).open(t, "/wechat/enter?ticket="+first), 401)
	other := newBrowser(gw, gatewaytest.InWeChat)
	other.enter(t, gatewaytest.AppOfficial, gatewaytest.Eve, "")
	second := ticket()
	requirePage(t, other.open(t, "/wechat/enter?ticket="+second), 403)
	gatewaytest.RequireStatus(t, newBrowser(gw, gatewaytest.InWeChat).open(t, "/wechat/enter?ticket="+second), 302) // that did not spend it
	for _, bad := range []string{"", "x", second[:len(second)-1], second + "A", first} {
		got := newBrowser(gw, gatewaytest.InWeChat).send(t, gatewaytest.Call{Target: "/wechat/enter?ticket=" + bad})
		gatewaytest.RequireProblem(t, got, 401, "invalid_token")
	}
	third := ticket()
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token}), 204)
	gatewaytest.RequireStatus(t, newBrowser(gw, gatewaytest.InWeChat).open(t, "/wechat/enter?ticket="+third), 401)
	if strings.Contains(gw.Logs(t), third) {
		t.Error("a log shows a ticket")
	}
}

// One registered domain for many sites.
func TestWebLoginVia(t *testing.T) {
	s := gatewaytest.WebSetup()
	s.Auth = "wechat_auth {\n app *\n web_login {\n via http://localhost:1\n for http://<HTTP> http://localhost:2\n }\n}"
	gw := gatewaytest.Start(t, s)
	b := newBrowser(gw, gatewaytest.InWeChat)
	to := location(t, b.open(t, "/wechat/authorize?return=/x"))
	if want := "http://localhost:1/wechat/callback"; to.Query().Get("redirect_uri") != want {
		t.Fatalf("redirect_uri %s; want %s", to.Query().Get("redirect_uri"), want)
	}
	state := to.Query().Get("state")
	// the registered site passes on what came, by state alone, without any cookie of it
	passed := location(t, newBrowser(gw, gatewaytest.InWeChat).open(t, "/wechat/callback?code=C0DE&state="+state))
	if want := "http://" + gw.HTTP + "/wechat/callback?code=C0DE&state=" + state; passed.String() != want {
		t.Errorf("passed on to %s; want %s", passed, want)
	}
	if refusal := location(t, newBrowser(gw, gatewaytest.InWeChat).open(t, "/wechat/callback?state="+state)); refusal.RawQuery != "state="+state {
		t.Errorf("a refusal is passed on as %s", refusal)
	}
	other := gatewaytest.Setup{Auth: "wechat_auth {\n app *\n web_login {\n for http://localhost:2\n }\n}", Wechat: s.Wechat, Sim: s.Sim}
	gatewaytest.Reload(t, gw, other)
	gatewaytest.RequireStatus(t, newBrowser(gw, gatewaytest.InWeChat).open(t, "/wechat/callback?code=C0DE&state="+state), 400)
}

func TestNoWebLogin(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Auth: "wechat_auth {\n cookie\n}"})
	for _, path := range []string{"authorize", "callback?code=a&state=b", "enter?ticket=x"} {
		gatewaytest.RequireStatus(t, newBrowser(gw, gatewaytest.InWeChat).open(t, "/wechat/"+path), 404)
	}
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/ticket", Token: gatewaytest.Login(t, gw, gatewaytest.Alice)}), 404)
	gatewaytest.RequireStatus(t, newBrowser(gw, gatewaytest.InWeChat).open(t, "/orders"), 401)
}
