// login_code_test.go: a code is redeemed once, a login leaves one session or
// none, and nothing but the site and the request's own member picks the app.

package wechatauth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// A stolen code races its owner (H1): of fifty parallel logins, over all versions
// of HTTP, one wins, WeChat hears of the code once, and nobody gets an error
// that would make him try again.
func TestCodeParallel(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	gw.Warm(t)
	for round := range 4 {
		code := gw.Sim.Login(gatewaytest.AppA, gatewaytest.User(round))
		gw.Sim.ResetCalls()
		// WeChat takes its time, so that all of them are on their way
		gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, Delay: 100 * time.Millisecond})
		var seen gatewaytest.Outcomes
		gatewaytest.Parallel(50, func(i int) { seen.Add(gw.Clients()[i%4].Try(gatewaytest.LoginWith(code))) })
		seen.Require(t, map[string]int{"200": 1, "400 invalid_grant": 49})
		gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 1)
		if got := gw.ListSessions(t, gatewaytest.AppA, gatewaytest.User(round)); len(got) != 1 {
			t.Errorf("%d sessions; want 1", len(got))
		}
	}
}

// The winner's code is tried again later, by the same client and others, with and
// without the appid, and after what looked like a failure: WeChat never hears of
// a code twice, for it may be spent although the answer was an error (M3, M5).
func TestCodeAgain(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory + "api_timeout 500ms\n"})
	for name, test := range map[string]struct {
		fault  wechattest.Fault
		status int
	}{
		"after success":      {wechattest.Fault{}, 200},
		"after -1":           {wechattest.Fault{ErrCode: -1}, 503},
		"after a refusal":    {wechattest.Fault{ErrCode: 40029}, 400},
		"after 45011":        {wechattest.Fault{ErrCode: 45011}, 429},
		"after a timeout":    {wechattest.Fault{Delay: 2 * time.Second}, 504},
		"after a lost line":  {wechattest.Fault{Drop: true}, 503},
		"after an odd reply": {wechattest.Fault{Status: 500}, 502},
	} {
		t.Run(name, func(t *testing.T) {
			gatewaytest.Login(t, gw, gatewaytest.Eve) // the breaker sees a good call in between
			code := gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice)
			gw.Sim.ResetCalls()
			if test.fault != (wechattest.Fault{}) {
				test.fault.Path = wechattest.PathCode2Session
				gatewaytest.Fault(t, gw, test.fault)
			}
			gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.LoginWith(code)), test.status)
			for _, c := range gw.Clients() {
				gatewaytest.RequireProblem(t, c.Do(t, gatewaytest.LoginWith(code)), 400, "invalid_grant")
				gatewaytest.RequireProblem(t, c.Do(t, gatewaytest.Post("/wechat/login", "", gatewaytest.Members{"code": code, "appid": gatewaytest.AppA})), 400, "invalid_grant")
			}
			gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 1)
		})
	}
}

// Codes are case sensitive: a twin in other letters is another code, and does not
// spend this one.
func TestCodeCase(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	code := gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice)
	for _, twin := range []string{strings.ToLower(code), strings.ToUpper(code), code + "0", code[:31]} {
		gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginWith(twin)), 400, "invalid_grant")
	}
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.LoginWith(code)), 200)
}

// Two apps, one site. The code of one is offered to the other, in both orders
// and at once: no more than one session comes of it, and it is of the right app.
func TestCodeOfOtherApp(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Apps: []string{gatewaytest.AppA, gatewaytest.AppB}, Auth: "wechat_auth {\n app *\n}", Wechat: gatewaytest.InMemory})
	for round := range 5 {
		code := gw.Sim.Login(gatewaytest.AppB, gatewaytest.Alice)
		gw.Sim.ResetCalls()
		var seen gatewaytest.Outcomes
		gatewaytest.Parallel(20, func(i int) {
			got, err := gw.H1.Try(gatewaytest.Post("/wechat/login", "", gatewaytest.Members{"code": code, "appid": []string{gatewaytest.AppA, gatewaytest.AppB}[(i+round)%2]}))
			seen.Add(got, err)
			if got.Status == 200 && !strings.Contains(got.Body, `"appid":"`+gatewaytest.AppB+`"`) {
				t.Errorf("a session of the other app")
			}
		})
		seen.Require(t, map[string]int{"200": 1, "400 invalid_grant": 19})
		gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 2) // once for each app
	}
}

// With several apps a login names its own: no default, no Referer, which the
// client writes itself (H18), and no app of another site.
func TestLoginNamesApp(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{
		Apps: []string{gatewaytest.AppA, gatewaytest.AppB}, Wechat: gatewaytest.InMemory,
		Auth: "wechat_auth {\n app " + gatewaytest.AppA + " " + gatewaytest.AppB + "\n}",
		Sites: `http://only-a.localhost:<HTTPPORT> {
			wechat_auth {
				app ` + gatewaytest.AppA + `
			}
			reverse_proxy <UPSTREAM>
		}`,
	})
	onlyA := gw.Fill("only-a.localhost:<HTTPPORT>")
	referer := gatewaytest.Header("Content-Type", "application/json", "Referer", "https://servicewechat.com/"+gatewaytest.AppB+"/1/page-frame.html")

	x := gatewaytest.LoginWith(gw.Sim.Login(gatewaytest.AppB, gatewaytest.Alice))
	x.Header = referer
	gatewaytest.RequireProblem(t, gw.H1.Do(t, x), 400, "invalid_request")
	x = gatewaytest.LoginCall(gw, gatewaytest.AppB, gatewaytest.Alice)
	x.Host = onlyA
	gatewaytest.RequireProblem(t, gw.H1.Do(t, x), 400, "invalid_request")
	gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 0)

	x = gatewaytest.LoginWith(gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice))
	x.Header, x.Host = referer, onlyA
	got := gw.H1.Do(t, x)
	gatewaytest.RequireStatus(t, got, 200)
	if gatewaytest.JSON(t, got)["appid"] != gatewaytest.AppA {
		t.Error("the Referer picked the app")
	}

	// a session of B enters where B may, and nowhere else (C12)
	tokenB := gatewaytest.LoginApp(t, gw, gatewaytest.AppB, gatewaytest.Alice)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Token: tokenB}), 200)
	gatewaytest.RequireIdentityApp(t, gw.Upstream.Only(t), gatewaytest.AppB, gatewaytest.Alice)
	gatewaytest.RequireRefused(t, gw.H1.Do(t, gatewaytest.Call{Token: tokenB, Host: onlyA}))
	for _, path := range []string{"/wechat/logout", "/wechat/userinfo"} {
		x := gatewaytest.Post(path, tokenB, gatewaytest.Members{"rawData": "{}", "signature": "x"})
		x.Host = onlyA
		gatewaytest.RequireRefused(t, gw.H1.Do(t, x))
	}
	gatewaytest.RequireNoUpstream(t, gw)
	if !gatewaytest.Alive(t, gw, tokenB) {
		t.Error("a site that does not take the app ended its session")
	}
}

// Someone leaves his own token on the victim's device, or finds an old one there
// (H2): a login makes a session of its own and ends the one that was presented;
// one that fails leaves it alone.
func TestLoginEndsPreviousSession(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: cookieAuth, Wechat: gatewaytest.InMemory})
	again := func(previous, openid string, cookie bool) gatewaytest.Reply {
		x := gatewaytest.LoginCall(gw, gatewaytest.AppA, openid)
		if cookie {
			x.Header["Cookie"] = []string{"a=b; " + gatewaytest.CookieName + "=" + previous}
		} else {
			x.Token = previous
		}
		return gw.H1.Do(t, x)
	}
	for _, cookie := range []bool{false, true} {
		for _, next := range []string{gatewaytest.Alice, gatewaytest.Eve} {
			first, other := gatewaytest.Login(t, gw, gatewaytest.Alice), gatewaytest.Login(t, gw, gatewaytest.Alice)
			got := again(first, next, cookie)
			gatewaytest.RequireStatus(t, got, 200)
			second := gatewaytest.JSON(t, got)["token"].(string)
			if first == second || gatewaytest.SessionID(t, first) == gatewaytest.SessionID(t, second) {
				t.Error("the session presented lives on under its name")
			}
			if gatewaytest.Alive(t, gw, first) || !gatewaytest.Alive(t, gw, second) || !gatewaytest.Alive(t, gw, other) {
				t.Errorf("cookie %v, login of %s: alive: first %v, second %v, other device %v",
					cookie, next, gatewaytest.Alive(t, gw, first), gatewaytest.Alive(t, gw, second), gatewaytest.Alive(t, gw, other))
			}
		}
	}
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	x := gatewaytest.LoginWith("nobodys-code")
	x.Token = token
	gatewaytest.RequireProblem(t, gw.H1.Do(t, x), 400, "invalid_grant")
	if !gatewaytest.Alive(t, gw, token) {
		t.Error("a login that failed ended the session")
	}
	// a token that is worth nothing is no obstacle
	gatewaytest.RequireStatus(t, again("x.y.z", gatewaytest.Alice, false), 200)
	gatewaytest.RequireStatus(t, again(token+"A", gatewaytest.Alice, true), 200)
}

// Logging out ends this session and no other, at once and for all copies of the
// token (H7). A second time there is no session left to end.
func TestLogout(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		gone, stays := gatewaytest.Login(t, gw, gatewaytest.Alice), gatewaytest.Login(t, gw, gatewaytest.Alice)
		for _, c := range gw.Clients() {
			gatewaytest.RequireStatus(t, c.Do(t, gatewaytest.Call{Token: gone}), 200)
		}
		got := c.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: gone})
		gatewaytest.RequireStatus(t, got, 204)
		if got.Body != "" || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v %q", got.Header, got.Body)
		}
		for _, c := range gw.Clients() {
			gatewaytest.RequireRefused(t, c.Do(t, gatewaytest.Call{Token: gone}))
			gatewaytest.RequireStatus(t, c.Do(t, gatewaytest.Call{Token: stays}), 200)
		}
		gatewaytest.RequireRefused(t, c.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: gone}))
	})
}

// A client goes away while WeChat is asked (M10). Nobody got a token, so nobody
// may have a session; the code is spent; the next login finds nothing odd.
func TestLoginClientGoesAway(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, Delay: 300 * time.Millisecond})
	code := gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice)
	body := fmt.Sprintf(`{"code":%q}`, code)
	conn := gatewaytest.DialRaw(t, gw.HTTP)
	conn.Send(t, gatewaytest.CRLF(fmt.Sprintf("POST /wechat/login HTTP/1.1\nHost: %s\nContent-Type: application/json\nContent-Length: %d\n\n", gw.HTTP, len(body)))+body)
	gatewaytest.Await(t, "the call to WeChat", func() bool { return gw.Sim.CountCalls(wechattest.PathCode2Session) == 1 })
	conn.Close()
	gw.AwaitLog(t, `"msg":"login"`, `"result":"canceled"`)
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginWith(code)), 400, "invalid_grant")
	if got := gw.ListSessions(t, gatewaytest.AppA, gatewaytest.Alice); len(got) != 0 {
		t.Errorf("%d sessions of a user who never got a token", len(got))
	}
	gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 1)
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	info, err := gw.Sim.UserInfo(gatewaytest.AppA, gatewaytest.Alice)
	if err != nil {
		t.Fatal(err)
	}
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, info)), 200)
}
