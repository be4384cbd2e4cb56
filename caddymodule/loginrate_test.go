// loginrate_test.go: the budget of login attempts that an address has.

package caddymodule

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// A flood from one address gets its share and no more; the share comes back
// over the window, and other addresses do not feel it.
func TestLoginRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoginLimiter()
		defer l.Destruct()
		limit := LoginRate{Attempts: 5, Window: caddy.Duration(10 * time.Second)}
		take := func(address string, want bool) {
			t.Helper()
			if wait, ok := l.take(address, limit); ok != want || ok == (wait > 0) {
				t.Fatalf("take(%s) = %v, %v, want %v", address, wait, ok, want)
			}
		}
		for range 5 {
			take("192.0.2.1", true)
		}
		for range 100 { // a refused attempt costs nothing
			take("192.0.2.1", false)
		}
		take("192.0.2.2", true)
		time.Sleep(2 * time.Second) // a fifth of the window
		take("192.0.2.1", true)
		take("192.0.2.1", false)

		limit.Attempts = 6 // a reload with another number gives no fresh budget
		take("192.0.2.1", false)
		time.Sleep(9 * time.Second)
		for range 5 {
			take("192.0.2.1", true)
		}
		take("192.0.2.1", false)
		time.Sleep(time.Minute)
		for range 6 {
			take("192.0.2.1", true)
		}
		take("192.0.2.1", false)
	})
}

func TestLoginRateParallel(t *testing.T) {
	l := newLoginLimiter()
	defer l.Destruct()
	limit := LoginRate{Attempts: 50, Window: caddy.Duration(time.Hour)}
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 500 {
		all.Go(func() {
			if _, ok := l.take("192.0.2.1", limit); ok {
				passed.Add(1)
			}
		})
	}
	all.Wait()
	if n := passed.Load(); n != 50 {
		t.Errorf("%d of 500 parallel attempts passed, want 50", n)
	}
}

// Addresses beyond the bound share one budget instead of taking memory each.
func TestLoginRateBounded(t *testing.T) {
	l := newLoginLimiter()
	defer l.Destruct()
	limit := LoginRate{Attempts: 3, Window: caddy.Duration(time.Hour)}
	for i := range maxLoginAddresses {
		l.take(fmt.Sprint("a", i), limit)
	}
	passed := 0
	for i := range 100 {
		if _, ok := l.take(fmt.Sprint("b", i), limit); ok {
			passed++
		}
	}
	if n := l.budgets.ItemCount(); n > maxLoginAddresses+1 || passed != 3 {
		t.Errorf("%d addresses are kept and %d new ones passed, want %d and 3", n, passed, maxLoginAddresses)
	}
}

// H25: an address that cannot be read must not relax the check, and a client
// must not get a new budget by moving within its /64.
func TestClientNetwork(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1":            "192.0.2.1",
		"::ffff:192.0.2.1":     "192.0.2.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::9":      "2001:db8:1:2::/64",
		"fe80::1%eth0":         "fe80::/64",
		"":                     "unknown",
		"not an address":       "unknown",
	} {
		r := httptest.NewRequest("POST", "/wechat/login", nil)
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.ClientIPVarKey: text}))
		if got := clientNetwork(r); got != want {
			t.Errorf("clientNetwork with client_ip %q = %q, want %q", text, got, want)
		}
	}
}

// Each session has its own number of calls to WeChat, and logins are counted
// apart; neither login_rate off nor loopback lifts it.
func TestSessionCalls(t *testing.T) {
	a := &App{LoginRate: &LoginRate{Attempts: -1}}
	if err := a.provisionLoginRate(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	defer a.Cleanup()
	for range sessionCalls.Attempts {
		if err := a.allowCall(t.Name() + "a"); err != nil {
			t.Fatal(err)
		}
	}
	p := classify(a.allowCall(t.Name() + "a"))
	if p.status != 429 || p.Code != "rate_limited" || p.retryAfter <= 0 {
		t.Errorf("one call more: %+v", p)
	}
	if err := a.allowCall(t.Name() + "b"); err != nil {
		t.Error("another session:", err)
	}
	if _, known := a.limiter.budgets.Get(t.Name() + "a"); known {
		t.Error("it is counted among the logins")
	}
}
