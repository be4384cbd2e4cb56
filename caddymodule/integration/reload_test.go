// reload_test.go: a new configuration, good or bad, under traffic and hundreds of
// times: nobody is logged out, nobody gets a wrong answer, nothing is left behind.

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// Thirty reloads while people log in, work and log out (M9). Each answer must be
// the right one for its caller. Caddy itself loses the connections that wait to
// be accepted by the old server, with the gateway and without; they are counted
// apart.
func TestReloadUnderTraffic(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	tokens := make([]string, 8)
	for i := range tokens {
		tokens[i] = gatewaytest.Login(t, gw, gatewaytest.User(i))
	}
	gone := gatewaytest.Login(t, gw, gatewaytest.Eve)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: gone}), 204)

	var wg sync.WaitGroup
	var stop atomic.Bool
	var right, lost atomic.Int64
	var mu sync.Mutex
	wrong := make(map[string]int)
	judge := func(what string, got gatewaytest.Reply, err error, want int) bool {
		switch {
		case err != nil:
			lost.Add(1)
		case got.Status != want:
			mu.Lock()
			wrong[fmt.Sprintf("%s: %d %s", what, got.Status, got.Header.Get("Content-Type"))]++
			mu.Unlock()
		default:
			right.Add(1)
		}
		return err == nil && got.Status == want
	}
	work := func(f func(c *gatewaytest.Client, i int)) {
		c := gw.Fresh()
		wg.Go(func() {
			for i := 0; !stop.Load(); i++ {
				f(c, i)
			}
		})
	}
	for _, keptAlive := range []*gatewaytest.Client{gw.H1, gw.H2C} {
		wg.Go(func() {
			for i := 0; !stop.Load(); i++ {
				got, err := keptAlive.Try(gatewaytest.Call{Target: "/api", Token: tokens[i%8]})
				judge("request", got, err, 200)
			}
		})
	}
	work(func(c *gatewaytest.Client, i int) {
		got, err := c.Try(gatewaytest.Call{Target: "/api", Token: tokens[i%8]})
		judge("request", got, err, 200)
	})
	work(func(c *gatewaytest.Client, i int) {
		got, err := c.Try(gatewaytest.Call{Target: "/api", Token: gone})
		judge("request of a session that ended", got, err, 401)
	})
	work(func(c *gatewaytest.Client, i int) {
		code := gw.Sim.Login(gatewaytest.AppA, gatewaytest.User(100+i))
		got, err := c.Try(gatewaytest.LoginWith(code))
		if !judge("login", got, err, 200) {
			return
		}
		again, err := c.Try(gatewaytest.LoginWith(code))
		judge("second login with the code", again, err, 400)
		token := gatewaytest.JSON(t, got)["token"].(string)
		got, err = c.Try(gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token})
		if judge("logout", got, err, 204) {
			got, err = c.Try(gatewaytest.Call{Target: "/api", Token: token})
			judge("request after logout", got, err, 401)
		}
	})
	for i := range 30 {
		passed := right.Load() + 15
		gatewaytest.Await(t, "traffic between two reloads", func() bool { return right.Load() >= passed })
		if err := gw.Load(gatewaytest.Setup{Wechat: gatewaytest.InMemory + fmt.Sprintf("api_timeout %ds\n", 3+i%5)}); err != nil {
			t.Errorf("reload %d: %v", i, err)
		}
	}
	stop.Store(true)
	wg.Wait()
	for what, n := range wrong {
		t.Errorf("%d wrong answers: %s", n, what)
	}
	t.Logf("%d right answers, %d connections lost", right.Load(), lost.Load())
	if lost.Load() > right.Load()/5 {
		t.Errorf("%d right answers, %d connections lost: too many for a verdict", right.Load(), lost.Load())
	}
	for _, token := range tokens {
		if !gatewaytest.Alive(t, gw, token) {
			t.Error("a session ended")
		}
	}
}

// What must outlive a reload: the session, the end of a session, the code that
// was redeemed, and user info and failures on the session.
func TestReloadKeeps(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Sim: gatewaytest.FreshKeys()})
	code := gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice)
	got := gw.H1.Do(t, gatewaytest.LoginWith(code))
	gatewaytest.RequireStatus(t, got, 200)
	token := gatewaytest.JSON(t, got)["token"].(string)
	ended := gatewaytest.Login(t, gw, gatewaytest.Eve)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: ended}), 204)
	info, err := gw.Sim.UserInfo(gatewaytest.AppA, gatewaytest.Alice)
	if err != nil {
		t.Fatal(err)
	}
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, info)), 200)
	before := gatewaytest.SessionOf(t, gw, token)
	gw.Sim.ResetCalls()

	gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory + "sessions_per_user 5\n"})
	if after := gatewaytest.SessionOf(t, gw, token); fmt.Sprint(after) != fmt.Sprint(before) || after["userinfo"] == nil {
		t.Errorf("the session was %v and is %v", before, after)
	}
	gatewaytest.RequireAlive(t, gw, ended, false)
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginWith(code)), 400, "invalid_grant")
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, info)), 400, "invalid_data") // replayed
	gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 0)
}

// An operator's mistake: the new configuration is refused, the error names it and
// no secret, and the old one serves on as if nothing had been tried; also when
// it fails late, after the app has taken what it shares with the old one.
func TestBadReload(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	t.Setenv("WECHAT_BAD_KEY", "too-short-a-key")
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	code := gw.Sim.Login(gatewaytest.AppA, gatewaytest.Eve)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.LoginWith(code)), 200)
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("too-short-a-key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]gatewaytest.Setup{
		"unknown option":     {Wechat: gatewaytest.InMemory + "api_tineout 5s\n"},
		"bad duration":       {Wechat: gatewaytest.InMemory + "session_lifetime 5 apples\n"},
		"unknown store":      {Wechat: "store nowhere\n"},
		"no such key file":   {Wechat: gatewaytest.InMemory + gatewaytest.TokenBlock("HS256", "/nonexistent/key")},
		"key too short":      {Wechat: gatewaytest.InMemory + gatewaytest.TokenBlock("HS256", short)},
		"secret not set":     {Wechat: gatewaytest.InMemory + "app " + gatewaytest.AppB + " {env.WECHAT_UNSET}\n"},
		"bad prefix":         {Wechat: gatewaytest.InMemory, Auth: "wechat_auth {\n prefix wechat\n}"},
		"app not configured": {Wechat: gatewaytest.InMemory, Auth: "wechat_auth {\n app " + gatewaytest.AppB + "\n}"},
		"fails late": {Wechat: gatewaytest.InMemory, Sites: `http://late.localhost:<HTTPPORT> {
			wechat_auth
			reverse_proxy {
				to unix//nonexistent
				transport http {
					tls_trust_pool file /nonexistent/ca.pem
				}
			}
		}`},
		"port taken": {Wechat: gatewaytest.InMemory, Sites: "http://<UPSTREAM> {\n wechat_auth\n respond x\n}"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 3 {
				err := gw.Load(s)
				if err == nil {
					t.Fatal("it was accepted")
				}
				if text := err.Error(); strings.Contains(text, gatewaytest.SecretA) || strings.Contains(text, "too-short-a-key") {
					t.Error("the error has a secret in it")
				}
			}
			gatewaytest.RequireAlive(t, gw, token, true)
			gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginWith(code)), 400, "invalid_grant")
			gw.AwaitLogin(t, gatewaytest.Eve)
		})
	}
	gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	gatewaytest.RequireAlive(t, gw, token, true)
}

// Two hundred reloads: as many goroutines and open files as after ten.
func TestReloadLeavesNothing(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	reloads := func(n int) {
		t.Helper()
		for i := range n {
			if err := gw.Load(gatewaytest.Setup{Wechat: gatewaytest.InMemory + fmt.Sprintf("api_timeout %dms\n", 3000+i)}); err != nil {
				t.Fatal(err)
			}
			if i%20 == 0 {
				gw.AwaitLogin(t, gatewaytest.Eve)
			}
		}
		gw.HangUp()
	}
	files := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return 0 // there is no such list on this system; goroutines are counted all the same
		}
		return len(list)
	}
	reloads(10)
	settled := func() (goroutines, open int) {
		// the lowest of a second: what ends by itself has ended then
		goroutines, open = runtime.NumGoroutine(), files()
		for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			goroutines, open = min(goroutines, runtime.NumGoroutine()), min(open, files())
		}
		return goroutines, open
	}
	g1, f1 := settled()
	reloads(190)
	g2, f2 := settled()
	t.Logf("goroutines %d, then %d; files %d, then %d", g1, g2, f1, f2)
	if g2 > g1+5 {
		t.Errorf("%d goroutines after 10 reloads, %d after 200", g1, g2)
	}
	if f2 > f1+3 {
		t.Errorf("%d open files after 10 reloads, %d after 200", f1, f2)
	}
	if !gatewaytest.Alive(t, gw, token) {
		t.Error("the session ended")
	}
}

// Caddy is stopped while logins wait for WeChat (M10): they are finished within
// the grace period, and each client has a clear answer.
func TestStopInFlight(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	const logins = 20
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, Delay: 500 * time.Millisecond, Times: logins})
	var seen gatewaytest.Outcomes
	var wg sync.WaitGroup
	for i := range logins {
		c := gw.Fresh()
		wg.Go(func() { seen.Add(c.Try(gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.User(i)))) })
	}
	gatewaytest.Await(t, "all logins to be at WeChat", func() bool { return gw.Sim.CountCalls(wechattest.PathCode2Session) == logins })
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	seen.Require(t, map[string]int{"200": logins})
}
