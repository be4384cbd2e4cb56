// login_rate_test.go: one address cannot log in for a whole city.

package wechatauth_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// A flood from one address costs calls to WeChat and marks in the store (M1). It
// is stopped before either, whatever address it claims to come from (H25), and
// its codes are unspent. A reload gives it no fresh budget.
func TestLoginRate(t *testing.T) {
	const limited = "store memory\nlogin_rate 20 1h\n"
	for name, test := range map[string]struct {
		server string // what Caddy trusts
		forged int    // how many of 30 logins from 30 claimed addresses pass
	}{
		"no proxy":        {"", 20},
		"a trusted proxy": {"trusted_proxies static 127.0.0.0/8", 30},
	} {
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: limited, Server: test.server})
			passed := 0
			for i := range 30 {
				x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
				for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP", "True-Client-IP", "CF-Connecting-IP"} {
					x.Header[name] = []string{"192.0.2." + strconv.Itoa(i)}
				}
				if got := gw.H1.Do(t, x); got.Status == 200 {
					passed++
				} else {
					gatewaytest.RequireProblem(t, got, 429, "rate_limited")
				}
			}
			if passed != test.forged {
				t.Errorf("%d logins passed; want %d", passed, test.forged)
			}
			gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, test.forged)
		})
	}
	t.Run("reload", func(t *testing.T) {
		gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: limited})
		token := gatewaytest.Login(t, gw, gatewaytest.Alice)
		for i := range 19 {
			gatewaytest.Login(t, gw, gatewaytest.User(i))
		}
		code := gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice)
		refused := func() {
			t.Helper()
			for _, c := range gw.Clients() {
				got := c.Do(t, gatewaytest.LoginWith(code))
				gatewaytest.RequireProblem(t, got, 429, "rate_limited")
				if after, _ := strconv.Atoi(got.Header.Get("Retry-After")); after < 1 || after > 180 {
					t.Errorf("Retry-After %q; want at most 180", got.Header.Get("Retry-After"))
				}
			}
		}
		refused()
		gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: limited + "api_timeout 3s\n"})
		refused()
		gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 20)
		if !gatewaytest.Alive(t, gw, token) {
			t.Error("a session of that address ended")
		}
		gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
		gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.LoginWith(code)), 200)
	})
}

// A session has WeChat asked 20 times a minute, by whichever endpoint, and its
// owner's other sessions and other requests do not feel it. WeChat is not asked
// for what is refused, and nothing turns the limit off.
func TestSessionCallsRate(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: "store memory\nlogin_rate off\n"})
	token, other := gatewaytest.Login(t, gw, gatewaytest.Alice), gatewaytest.Login(t, gw, gatewaytest.Alice)
	began := time.Now()
	checks := 0
	// spend uses up the budget, so that more than a second passes before the next call
	spend := func() {
		t.Helper()
		for range 100_000 {
			got := gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/session?check=wechat", Token: token})
			if got.Status == 200 {
				checks++
				continue
			}
			gatewaytest.RequireProblem(t, got, 429, "rate_limited")
			after, _ := strconv.Atoi(got.Header.Get("Retry-After"))
			if after < 1 || after > 3 {
				t.Fatalf("Retry-After %q; want 3 seconds at most", got.Header.Get("Retry-After"))
			}
			if after > 1 {
				return
			}
		}
		t.Fatal("the limit is not met")
	}
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.ByCode(t, gw, token, gatewaytest.Alice)), 200)
	again := gatewaytest.ByCode(t, gw, token, gatewaytest.Alice)
	for _, x := range []gatewaytest.Call{again, {Method: "POST", Target: "/wechat/logout?reset=true", Token: token}} {
		spend()
		gatewaytest.RequireProblem(t, gw.H1.Do(t, x), 429, "rate_limited")
	}
	if most := 19 + int(time.Since(began)/(3*time.Second)); checks < 19 || checks > most {
		t.Errorf("%d checks passed; want 19, and at most %d", checks, most)
	}
	gatewaytest.RequireCalls(t, gw, wechattest.PathCheckSession, checks)
	gatewaytest.RequireCalls(t, gw, wechattest.PathGetUserPhoneNumber, 1)
	gatewaytest.RequireCalls(t, gw, wechattest.PathResetUserSessionKey, 0)
	if !gatewaytest.Alive(t, gw, token) {
		t.Error("the session ended")
	}
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.ByCode(t, gw, other, gatewaytest.Alice)), 200)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token}), 204)
}
