// login_rate_test.go: one address cannot log in for a whole city.

package integration

import (
	"strconv"
	"testing"

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
			gw := start(t, setup{Wechat: limited, Server: test.server})
			passed := 0
			for i := range 30 {
				x := loginCall(gw, appA, alice)
				for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP", "True-Client-IP", "CF-Connecting-IP"} {
					x.Header[name] = []string{"192.0.2." + strconv.Itoa(i)}
				}
				if got := gw.h1.do(t, x); got.Status == 200 {
					passed++
				} else {
					requireProblem(t, got, 429, "rate_limited")
				}
			}
			if passed != test.forged {
				t.Errorf("%d logins passed; want %d", passed, test.forged)
			}
			requireCalls(t, gw, wechattest.PathCode2Session, test.forged)
		})
	}
	t.Run("reload", func(t *testing.T) {
		gw := start(t, setup{Wechat: limited})
		token := login(t, gw, alice)
		for i := range 19 {
			login(t, gw, user(i))
		}
		code := gw.sim.Login(appA, alice)
		refused := func() {
			t.Helper()
			for _, c := range gw.clients() {
				got := c.do(t, loginWith(code))
				requireProblem(t, got, 429, "rate_limited")
				if after, _ := strconv.Atoi(got.Header.Get("Retry-After")); after < 1 || after > 180 {
					t.Errorf("Retry-After %q; want at most 180", got.Header.Get("Retry-After"))
				}
			}
		}
		refused()
		reload(t, gw, setup{Wechat: limited + "api_timeout 3s\n"})
		refused()
		requireCalls(t, gw, wechattest.PathCode2Session, 20)
		if !alive(t, gw, token) {
			t.Error("a session of that address ended")
		}
		reload(t, gw, setup{Wechat: inMemory})
		requireStatus(t, gw.h1.do(t, loginWith(code)), 200)
	})
}
