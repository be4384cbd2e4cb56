// reload_test.go: a new configuration, good or bad, under traffic and hundreds of
// times: nobody is logged out, nobody gets a wrong answer, nothing is left behind.

package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// fresh is a client of one connection per request: what it gets is the gateway's
// word, and not that of a connection which a reload has ended.
func (gw *gateway) fresh() *client {
	tr := gw.h1.transport.(*http.Transport).Clone()
	tr.DisableKeepAlives = true
	c := *gw.h1
	c.transport = tr
	return &c
}

// Thirty reloads while people log in, work and log out (M9). Each answer must be
// the right one for its caller. Caddy itself loses the connections that wait to
// be accepted by the old server, with the gateway and without; they are counted
// apart.
func TestReloadUnderTraffic(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	tokens := make([]string, 8)
	for i := range tokens {
		tokens[i] = login(t, gw, user(i))
	}
	gone := login(t, gw, eve)
	requireStatus(t, gw.h1.do(t, call{Method: "POST", Target: "/wechat/logout", Token: gone}), 204)

	var wg sync.WaitGroup
	var stop atomic.Bool
	var right, lost atomic.Int64
	var mu sync.Mutex
	wrong := make(map[string]int)
	judge := func(what string, got reply, err error, want int) bool {
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
	work := func(f func(c *client, i int)) {
		c := gw.fresh()
		wg.Go(func() {
			for i := 0; !stop.Load(); i++ {
				f(c, i)
			}
		})
	}
	for _, keptAlive := range []*client{gw.h1, gw.h2c} {
		wg.Go(func() {
			for i := 0; !stop.Load(); i++ {
				got, err := keptAlive.try(call{Target: "/api", Token: tokens[i%8]})
				judge("request", got, err, 200)
			}
		})
	}
	work(func(c *client, i int) {
		got, err := c.try(call{Target: "/api", Token: tokens[i%8]})
		judge("request", got, err, 200)
	})
	work(func(c *client, i int) {
		got, err := c.try(call{Target: "/api", Token: gone})
		judge("request of a session that ended", got, err, 401)
	})
	work(func(c *client, i int) {
		code := gw.sim.Login(appA, user(100+i))
		got, err := c.try(loginWith(code))
		if !judge("login", got, err, 200) {
			return
		}
		again, err := c.try(loginWith(code))
		judge("second login with the code", again, err, 400)
		token := object(t, got)["token"].(string)
		got, err = c.try(call{Method: "POST", Target: "/wechat/logout", Token: token})
		if judge("logout", got, err, 204) {
			got, err = c.try(call{Target: "/api", Token: token})
			judge("request after logout", got, err, 401)
		}
	})
	for i := range 30 {
		passed := right.Load() + 15
		await(t, "traffic between two reloads", func() bool { return right.Load() >= passed })
		if err := gw.load(setup{Wechat: inMemory + fmt.Sprintf("api_timeout %ds\n", 3+i%5)}); err != nil {
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
		if !alive(t, gw, token) {
			t.Error("a session ended")
		}
	}
}

// What must outlive a reload: the session, the end of a session, the code that
// was redeemed, and user info and failures on the session.
func TestReloadKeeps(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory, Sim: freshKeys()})
	code := gw.sim.Login(appA, alice)
	got := gw.h1.do(t, loginWith(code))
	requireStatus(t, got, 200)
	token := object(t, got)["token"].(string)
	ended := login(t, gw, eve)
	requireStatus(t, gw.h1.do(t, call{Method: "POST", Target: "/wechat/logout", Token: ended}), 204)
	info, err := gw.sim.UserInfo(appA, alice)
	if err != nil {
		t.Fatal(err)
	}
	requireStatus(t, gw.h1.do(t, post("/wechat/userinfo", token, info)), 200)
	before := sessionOf(t, gw, token)
	gw.sim.ResetCalls()

	reload(t, gw, setup{Wechat: inMemory + "sessions_per_user 5\n"})
	if after := sessionOf(t, gw, token); fmt.Sprint(after) != fmt.Sprint(before) || after["userinfo"] == nil {
		t.Errorf("the session was %v and is %v", before, after)
	}
	requireAlive(t, gw, ended, false)
	requireProblem(t, gw.h1.do(t, loginWith(code)), 400, "invalid_grant")
	requireProblem(t, gw.h1.do(t, post("/wechat/userinfo", token, info)), 400, "invalid_data") // replayed
	requireCalls(t, gw, wechattest.PathCode2Session, 0)
}

// An operator's mistake: the new configuration is refused, the error names it and
// no secret, and the old one serves on as if nothing had been tried; also when
// it fails late, after the app has taken what it shares with the old one.
func TestBadReload(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	t.Setenv("WECHAT_BAD_KEY", "too-short-a-key")
	token := login(t, gw, alice)
	code := gw.sim.Login(appA, eve)
	requireStatus(t, gw.h1.do(t, loginWith(code)), 200)
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("too-short-a-key"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]setup{
		"unknown option":     {Wechat: inMemory + "api_tineout 5s\n"},
		"bad duration":       {Wechat: inMemory + "session_lifetime 5 apples\n"},
		"unknown store":      {Wechat: "store nowhere\n"},
		"no such key file":   {Wechat: inMemory + tokenBlock("HS256", "/nonexistent/key")},
		"key too short":      {Wechat: inMemory + tokenBlock("HS256", short)},
		"secret not set":     {Wechat: inMemory + "app " + appB + " {env.WECHAT_UNSET}\n"},
		"bad prefix":         {Wechat: inMemory, Auth: "wechat_auth {\n prefix wechat\n}"},
		"app not configured": {Wechat: inMemory, Auth: "wechat_auth {\n app " + appB + "\n}"},
		"fails late": {Wechat: inMemory, Sites: `http://late.localhost:<HTTPPORT> {
			wechat_auth
			reverse_proxy {
				to unix//nonexistent
				transport http {
					tls_trust_pool file /nonexistent/ca.pem
				}
			}
		}`},
		"port taken": {Wechat: inMemory, Sites: "http://<UPSTREAM> {\n wechat_auth\n respond x\n}"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 3 {
				err := gw.load(s)
				if err == nil {
					t.Fatal("it was accepted")
				}
				if text := err.Error(); strings.Contains(text, secretA) || strings.Contains(text, "too-short-a-key") {
					t.Error("the error has a secret in it")
				}
			}
			requireAlive(t, gw, token, true)
			requireProblem(t, gw.h1.do(t, loginWith(code)), 400, "invalid_grant")
			gw.awaitLogin(t, eve)
		})
	}
	reload(t, gw, setup{Wechat: inMemory})
	requireAlive(t, gw, token, true)
}

// awaitLogin logs a user in, also when the connection goes to a server that is
// being stopped.
func (gw *gateway) awaitLogin(t *testing.T, openid string) {
	t.Helper()
	await(t, "a login", func() bool {
		gw.hangUp()
		got, err := gw.h1.try(loginCall(gw, appA, openid))
		if err == nil {
			requireStatus(t, got, 200)
		}
		return err == nil
	})
}

// Two hundred reloads: as many goroutines and open files as after ten.
func TestReloadLeavesNothing(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	token := login(t, gw, alice)
	reloads := func(n int) {
		t.Helper()
		for i := range n {
			if err := gw.load(setup{Wechat: inMemory + fmt.Sprintf("api_timeout %dms\n", 3000+i)}); err != nil {
				t.Fatal(err)
			}
			if i%20 == 0 {
				gw.awaitLogin(t, eve)
			}
		}
		gw.hangUp()
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
	if !alive(t, gw, token) {
		t.Error("the session ended")
	}
}

// Caddy is stopped while logins wait for WeChat (M10): they are finished within
// the grace period, and each client has a clear answer.
func TestStopInFlight(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	const logins = 20
	fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, Delay: 500 * time.Millisecond, Times: logins})
	var seen outcomes
	var wg sync.WaitGroup
	for i := range logins {
		c := gw.fresh()
		wg.Go(func() { seen.add(c.try(loginCall(gw, appA, user(i)))) })
	}
	await(t, "all logins to be at WeChat", func() bool { return gw.sim.CountCalls(wechattest.PathCode2Session) == logins })
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	seen.require(t, map[string]int{"200": logins})
}
