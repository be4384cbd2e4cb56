// storm_test.go: many logins at a WeChat that is slow or down: bounded work, a
// clear word to each client, and nothing felt by those who are logged in.

package wechatauth_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// slowly puts a WeChat in front that takes its time and counts how many calls
// are in it at once. It returns the greatest number so far.
func slowly(t *testing.T, gw *gatewaytest.Gateway, delay time.Duration) (most *atomic.Int64) {
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
			gw.Sim.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(slow.Close)
	gw.SimURL = slow.URL
	return most
}

// Three hundred logins at once (M2): WeChat gets 64 of them at a time, and all
// have their turn.
func TestManyLogins(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	most := slowly(t, gw, 100*time.Millisecond)
	gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory + "api_timeout 15s\n"})
	gw.Warm(t)
	var seen gatewaytest.Outcomes
	gatewaytest.Parallel(300, func(i int) {
		seen.Add(gw.Clients()[i%4].Try(gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.User(i))))
	})
	seen.Require(t, map[string]int{"200": 300})
	if n := most.Load(); n > 64 || n < 32 {
		t.Errorf("%d calls were at WeChat at once; want at most 64, and not one by one", n)
	}
}

// When WeChat is too slow for all of them, those who waited in vain hear of it in
// time; none hangs, none gets a 500, and the next one is served.
func TestManyLoginsTooSlow(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	most := slowly(t, gw, 700*time.Millisecond)
	gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory + "api_timeout 1200ms\n"})
	gw.Warm(t)
	var seen gatewaytest.Outcomes
	begin := time.Now()
	gatewaytest.Parallel(300, func(i int) {
		seen.Add(gw.H1.Try(gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.User(i))))
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("a login took %s; want 1.2 s, and what a busy machine adds", took)
		}
	})
	for name := range seen.Count {
		if name != "200" && name != "504 temporarily_unavailable" && name != "503 temporarily_unavailable" {
			t.Errorf("%d logins ended with %q", seen.Count[name], name)
		}
	}
	if seen.Count["200"] == 0 || seen.Count["504 temporarily_unavailable"] == 0 {
		t.Errorf("outcomes %v; want some logins, and some too late", seen.Count)
	}
	// a call that we gave up makes room for the next before WeChat notices
	if n := most.Load(); n > 2*64 {
		t.Errorf("%d calls were at WeChat at once", n)
	}
	if !gatewaytest.Alive(t, gw, token) {
		t.Error("a session ended")
	}
	gatewaytest.Await(t, "a login that works", func() bool {
		return gw.H1.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)).Status == 200
	})
}

// A storm of -1 (M3): after a few calls WeChat is left in peace, logins are told
// when to come back, sessions go on, and no code is spent by a login that was
// turned away. A reload does not forget the storm (M9). When it is over, logins
// work again by themselves.
func TestBreaker(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Sim.ResetCalls()
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, ErrCode: -1, Times: 1000})
	for range 10 {
		gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Eve)), 503, "temporarily_unavailable")
	}
	gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 10)

	code := gw.Sim.Login(gatewaytest.AppA, gatewaytest.Eve)
	var seen gatewaytest.Outcomes
	gatewaytest.Parallel(50, func(i int) {
		got, err := gw.H1.Try(gatewaytest.LoginWith(code))
		seen.Add(got, err)
		if after, _ := strconv.Atoi(got.Header.Get("Retry-After")); after < 1 || after > 5 {
			t.Errorf("Retry-After %q; want 1 to 5", got.Header.Get("Retry-After"))
		}
	})
	seen.Require(t, map[string]int{"503 temporarily_unavailable": 50})
	gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory + "api_timeout 4s\n"})
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginWith(code)), 503, "temporarily_unavailable")
	gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 10)
	if !gatewaytest.Alive(t, gw, token) {
		t.Error("a session ended")
	}

	gw.Sim.ClearFaults()
	begin := time.Now()
	var got gatewaytest.Reply
	gatewaytest.Await(t, "logins to work again", func() bool {
		got = gw.H1.Do(t, gatewaytest.LoginWith(code))
		return got.Status != 503
	})
	gatewaytest.RequireStatus(t, got, 200)
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("logins worked again after %s; want 5 s", took)
	}
	gatewaytest.Login(t, gw, gatewaytest.Alice)
}

// One app's wrong secret is that app's trouble: thousands of refusals do not shut
// the door for the others.
func TestBreakerIgnoresRefusals(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Apps: []string{gatewaytest.AppA, gatewaytest.AppB}, Auth: "wechat_auth {\n app *\n}", Wechat: gatewaytest.InMemory})
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, ErrCode: 40125, Times: 30})
	for range 30 {
		gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppB, gatewaytest.Eve)), 502, "wechat_error")
	}
	gatewaytest.Login(t, gw, gatewaytest.Alice)
}
