// storm_test.go: many logins at a WeChat that is slow or down: bounded work, a
// clear word to each client, and nothing felt by those who are logged in.

package integration

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// slowly puts a WeChat in front that takes its time and counts how many calls
// are in it at once. It returns the greatest number so far.
func slowly(t *testing.T, gw *gateway, delay time.Duration) (most *atomic.Int64) {
	t.Helper()
	var now atomic.Int64
	most = new(atomic.Int64)
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		select {
		case <-time.After(delay):
			gw.sim.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(slow.Close)
	gw.simURL = slow.URL
	return most
}

// Three hundred logins at once (M2): WeChat gets 64 of them at a time, and all
// have their turn.
func TestManyLogins(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	most := slowly(t, gw, 100*time.Millisecond)
	reload(t, gw, setup{Wechat: inMemory + "api_timeout 15s\n"})
	gw.warm(t)
	var seen outcomes
	parallel(300, func(i int) { seen.add(gw.clients()[i%4].try(loginCall(gw, appA, user(i)))) })
	seen.require(t, map[string]int{"200": 300})
	if n := most.Load(); n > 64 || n < 32 {
		t.Errorf("%d calls were at WeChat at once; want at most 64, and not one by one", n)
	}
}

// When WeChat is too slow for all of them, those who waited in vain hear of it in
// time; none hangs, none gets a 500, and the next one is served.
func TestManyLoginsTooSlow(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	token := login(t, gw, alice)
	most := slowly(t, gw, 700*time.Millisecond)
	reload(t, gw, setup{Wechat: inMemory + "api_timeout 1200ms\n"})
	gw.warm(t)
	var seen outcomes
	begin := time.Now()
	parallel(300, func(i int) {
		seen.add(gw.h1.try(loginCall(gw, appA, user(i))))
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("a login took %s; want 1.2 s, and what a busy machine adds", took)
		}
	})
	for name := range seen.count {
		if name != "200" && name != "504 temporarily_unavailable" && name != "503 temporarily_unavailable" {
			t.Errorf("%d logins ended with %q", seen.count[name], name)
		}
	}
	if seen.count["200"] == 0 || seen.count["504 temporarily_unavailable"] == 0 {
		t.Errorf("outcomes %v; want some logins, and some too late", seen.count)
	}
	// a call that we gave up makes room for the next before WeChat notices
	if n := most.Load(); n > 2*64 {
		t.Errorf("%d calls were at WeChat at once", n)
	}
	if !alive(t, gw, token) {
		t.Error("a session ended")
	}
	await(t, "a login that works", func() bool { return gw.h1.do(t, loginCall(gw, appA, alice)).Status == 200 })
}

// A storm of -1 (M3): after a few calls WeChat is left in peace, logins are told
// when to come back, sessions go on, and no code is spent by a login that was
// turned away. A reload does not forget the storm (M9). When it is over, logins
// work again by themselves.
func TestBreaker(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	token := login(t, gw, alice)
	gw.sim.ResetCalls()
	fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, ErrCode: -1, Times: 1000})
	for range 10 {
		requireProblem(t, gw.h1.do(t, loginCall(gw, appA, eve)), 503, "temporarily_unavailable")
	}
	requireCalls(t, gw, wechattest.PathCode2Session, 10)

	code := gw.sim.Login(appA, eve)
	var seen outcomes
	parallel(50, func(i int) {
		got, err := gw.h1.try(loginWith(code))
		seen.add(got, err)
		if after, _ := strconv.Atoi(got.Header.Get("Retry-After")); after < 1 || after > 5 {
			t.Errorf("Retry-After %q; want 1 to 5", got.Header.Get("Retry-After"))
		}
	})
	seen.require(t, map[string]int{"503 temporarily_unavailable": 50})
	reload(t, gw, setup{Wechat: inMemory + "api_timeout 4s\n"})
	requireProblem(t, gw.h1.do(t, loginWith(code)), 503, "temporarily_unavailable")
	requireCalls(t, gw, wechattest.PathCode2Session, 10)
	if !alive(t, gw, token) {
		t.Error("a session ended")
	}

	gw.sim.ClearFaults()
	begin := time.Now()
	var got reply
	await(t, "logins to work again", func() bool {
		got = gw.h1.do(t, loginWith(code))
		return got.Status != 503
	})
	requireStatus(t, got, 200)
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("logins worked again after %s; want 5 s", took)
	}
	login(t, gw, alice)
}

// One app's wrong secret is that app's trouble: thousands of refusals do not shut
// the door for the others.
func TestBreakerIgnoresRefusals(t *testing.T) {
	gw := start(t, setup{Apps: []string{appA, appB}, Auth: "wechat_auth {\n app *\n}", Wechat: inMemory})
	fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, ErrCode: 40125, Times: 30})
	for range 30 {
		requireProblem(t, gw.h1.do(t, loginCall(gw, appB, eve)), 502, "wechat_error")
	}
	login(t, gw, alice)
}
