// login_code_test.go: a code is redeemed once, a login leaves one session or
// none, and nothing but the site and the request's own member picks the app.

package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// A stolen code races its owner (H1): of fifty parallel logins, over all versions
// of HTTP, one wins, WeChat hears of the code once, and nobody gets an error
// that would make him try again.
func TestCodeParallel(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Admin: true})
	gw.warm(t)
	for round := range 4 {
		code := gw.sim.Login(appA, user(round))
		gw.sim.ResetCalls()
		// WeChat takes its time, so that all of them are on their way
		fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, Delay: 100 * time.Millisecond})
		var seen outcomes
		parallel(50, func(i int) { seen.add(gw.clients()[i%4].try(loginWith(code))) })
		seen.require(t, map[string]int{"200": 1, "400 invalid_grant": 49})
		requireCalls(t, gw, wechattest.PathCode2Session, 1)
		if got := gw.listSessions(t, appA, user(round)); len(got) != 1 {
			t.Errorf("%d sessions; want 1", len(got))
		}
	}
}

// The winner's code is tried again later, by the same client and others, with and
// without the appid, and after what looked like a failure: WeChat never hears of
// a code twice, for it may be spent although the answer was an error (M3, M5).
func TestCodeAgain(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory + "api_timeout 500ms\n"})
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
			login(t, gw, eve) // the breaker sees a good call in between
			code := gw.sim.Login(appA, alice)
			gw.sim.ResetCalls()
			if test.fault != (wechattest.Fault{}) {
				test.fault.Path = wechattest.PathCode2Session
				fault(t, gw, test.fault)
			}
			requireStatus(t, gw.h1.do(t, loginWith(code)), test.status)
			for _, c := range gw.clients() {
				requireProblem(t, c.do(t, loginWith(code)), 400, "invalid_grant")
				requireProblem(t, c.do(t, post("/wechat/login", "", members{"code": code, "appid": appA})), 400, "invalid_grant")
			}
			requireCalls(t, gw, wechattest.PathCode2Session, 1)
		})
	}
}

// Codes are case sensitive: a twin in other letters is another code, and does not
// spend this one.
func TestCodeCase(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	code := gw.sim.Login(appA, alice)
	for _, twin := range []string{strings.ToLower(code), strings.ToUpper(code), code + "0", code[:31]} {
		requireProblem(t, gw.h1.do(t, loginWith(twin)), 400, "invalid_grant")
	}
	requireStatus(t, gw.h1.do(t, loginWith(code)), 200)
}

// Two apps, one site. The code of one is offered to the other, in both orders
// and at once: no more than one session comes of it, and it is of the right app.
func TestCodeOfOtherApp(t *testing.T) {
	gw := start(t, setup{Apps: []string{appA, appB}, Auth: "wechat_auth {\n app *\n}", Wechat: inMemory})
	for round := range 5 {
		code := gw.sim.Login(appB, alice)
		gw.sim.ResetCalls()
		var seen outcomes
		parallel(20, func(i int) {
			got, err := gw.h1.try(post("/wechat/login", "", members{"code": code, "appid": []string{appA, appB}[(i+round)%2]}))
			seen.add(got, err)
			if got.Status == 200 && !strings.Contains(got.Body, `"appid":"`+appB+`"`) {
				t.Errorf("a session of the other app")
			}
		})
		seen.require(t, map[string]int{"200": 1, "400 invalid_grant": 19})
		requireCalls(t, gw, wechattest.PathCode2Session, 2) // once for each app
	}
}

// With several apps a login names its own: no default, no Referer, which the
// client writes itself (H18), and no app of another site.
func TestLoginNamesApp(t *testing.T) {
	gw := start(t, setup{
		Apps: []string{appA, appB}, Wechat: inMemory,
		Auth: "wechat_auth {\n app " + appA + " " + appB + "\n}",
		Sites: `http://only-a.localhost:<HTTPPORT> {
			wechat_auth {
				app ` + appA + `
			}
			reverse_proxy <UPSTREAM>
		}`,
	})
	onlyA := gw.fill("only-a.localhost:<HTTPPORT>")
	referer := header("Content-Type", "application/json", "Referer", "https://servicewechat.com/"+appB+"/1/page-frame.html")

	x := loginWith(gw.sim.Login(appB, alice))
	x.Header = referer
	requireProblem(t, gw.h1.do(t, x), 400, "invalid_request")
	x = loginCall(gw, appB, alice)
	x.Host = onlyA
	requireProblem(t, gw.h1.do(t, x), 400, "invalid_request")
	requireCalls(t, gw, wechattest.PathCode2Session, 0)

	x = loginWith(gw.sim.Login(appA, alice))
	x.Header, x.Host = referer, onlyA
	got := gw.h1.do(t, x)
	requireStatus(t, got, 200)
	if object(t, got)["appid"] != appA {
		t.Error("the Referer picked the app")
	}

	// a session of B enters where B may, and nowhere else (C12)
	tokenB := loginApp(t, gw, appB, alice)
	requireStatus(t, gw.h1.do(t, call{Token: tokenB}), 200)
	requireIdentityApp(t, gw.up.only(t), appB, alice)
	requireRefused(t, gw.h1.do(t, call{Token: tokenB, Host: onlyA}))
	for _, path := range []string{"/wechat/logout", "/wechat/userinfo"} {
		x := post(path, tokenB, members{"rawData": "{}", "signature": "x"})
		x.Host = onlyA
		requireRefused(t, gw.h1.do(t, x))
	}
	requireNoUpstream(t, gw)
	if !alive(t, gw, tokenB) {
		t.Error("a site that does not take the app ended its session")
	}
}

// Someone leaves his own token on the victim's device, or finds an old one there
// (H2): a login makes a session of its own and ends the one that was presented;
// one that fails leaves it alone.
func TestLoginEndsPreviousSession(t *testing.T) {
	gw := start(t, setup{Auth: cookieAuth, Wechat: inMemory})
	again := func(previous, openid string, cookie bool) reply {
		x := loginCall(gw, appA, openid)
		if cookie {
			x.Header["Cookie"] = []string{"a=b; " + cookieName + "=" + previous}
		} else {
			x.Token = previous
		}
		return gw.h1.do(t, x)
	}
	for _, cookie := range []bool{false, true} {
		for _, next := range []string{alice, eve} {
			first, other := login(t, gw, alice), login(t, gw, alice)
			got := again(first, next, cookie)
			requireStatus(t, got, 200)
			second := object(t, got)["token"].(string)
			if first == second || idOf(t, first) == idOf(t, second) {
				t.Error("the session presented lives on under its name")
			}
			if alive(t, gw, first) || !alive(t, gw, second) || !alive(t, gw, other) {
				t.Errorf("cookie %v, login of %s: alive: first %v, second %v, other device %v",
					cookie, next, alive(t, gw, first), alive(t, gw, second), alive(t, gw, other))
			}
		}
	}
	token := login(t, gw, alice)
	x := loginWith("nobodys-code")
	x.Token = token
	requireProblem(t, gw.h1.do(t, x), 400, "invalid_grant")
	if !alive(t, gw, token) {
		t.Error("a login that failed ended the session")
	}
	// a token that is worth nothing is no obstacle
	requireStatus(t, again("x.y.z", alice, false), 200)
	requireStatus(t, again(token+"A", alice, true), 200)
}

// Logging out ends this session and no other, at once and for all copies of the
// token (H7). A second time there is no session left to end.
func TestLogout(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	gw.each(t, func(t *testing.T, c *client) {
		gone, stays := login(t, gw, alice), login(t, gw, alice)
		for _, c := range gw.clients() {
			requireStatus(t, c.do(t, call{Token: gone}), 200)
		}
		got := c.do(t, call{Method: "POST", Target: "/wechat/logout", Token: gone})
		requireStatus(t, got, 204)
		if got.Body != "" || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v %q", got.Header, got.Body)
		}
		for _, c := range gw.clients() {
			requireRefused(t, c.do(t, call{Token: gone}))
			requireStatus(t, c.do(t, call{Token: stays}), 200)
		}
		requireRefused(t, c.do(t, call{Method: "POST", Target: "/wechat/logout", Token: gone}))
	})
}

// A client goes away while WeChat is asked (M10). Nobody got a token, so nobody
// may have a session; the code is spent; the next login finds nothing odd.
func TestLoginClientGoesAway(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Admin: true})
	fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, Delay: 300 * time.Millisecond})
	code := gw.sim.Login(appA, alice)
	body := fmt.Sprintf(`{"code":%q}`, code)
	conn := dialRaw(t, gw.HTTP)
	conn.send(t, crlf(fmt.Sprintf("POST /wechat/login HTTP/1.1\nHost: %s\nContent-Type: application/json\nContent-Length: %d\n\n", gw.HTTP, len(body)))+body)
	await(t, "the call to WeChat", func() bool { return gw.sim.CountCalls(wechattest.PathCode2Session) == 1 })
	conn.Close()
	gw.awaitLog(t, `"msg":"login"`, `"result":"canceled"`)
	requireProblem(t, gw.h1.do(t, loginWith(code)), 400, "invalid_grant")
	if got := gw.listSessions(t, appA, alice); len(got) != 0 {
		t.Errorf("%d sessions of a user who never got a token", len(got))
	}
	requireCalls(t, gw, wechattest.PathCode2Session, 1)
	token := login(t, gw, alice)
	info, err := gw.sim.UserInfo(appA, alice)
	if err != nil {
		t.Fatal(err)
	}
	requireStatus(t, gw.h1.do(t, post("/wechat/userinfo", token, info)), 200)
}

// listSessions asks the admin API for the sessions of a user.
func (gw *gateway) listSessions(t *testing.T, appid, openid string) []members {
	t.Helper()
	got := gw.ask(t, "GET", "/wechat/sessions?appid="+appid+"&openid="+openid)
	requireStatus(t, got, 200)
	var answer struct{ Sessions []members }
	if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || answer.Sessions == nil {
		t.Fatalf("the list of sessions is none: %v %s", err, got.Body)
	}
	return answer.Sessions
}

// ask sends a request to the admin API.
func (gw *gateway) ask(t *testing.T, method, target string) reply {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+gw.Admin+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	admin := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	var response *http.Response
	await(t, "an answer of the admin endpoint", func() bool { // a reload puts a new one in its place
		response, err = admin.Do(r)
		return err == nil
	})
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Proto, response.Header, string(body)}
}

// idOf is the session that a token names.
func idOf(t *testing.T, token string) string {
	t.Helper()
	return claimsOf(t, token)["jti"].(string)
}
