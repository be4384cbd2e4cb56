// rate_test.go: the budget of login attempts that an address has.

package login

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A flood from one address gets its share and no more; the share comes back
// over the window, and other addresses do not feel it.
func TestLoginRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter()
		defer l.Destruct()
		limit := Rate{Attempts: 5, Window: 10 * time.Second}
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
	l := NewLimiter()
	defer l.Destruct()
	limit := Rate{Attempts: 50, Window: time.Hour}
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
	l := NewLimiter()
	defer l.Destruct()
	limit := Rate{Attempts: 3, Window: time.Hour}
	for i := range maxAddresses {
		l.take(fmt.Sprint("a", i), limit)
	}
	passed := 0
	for i := range 100 {
		if _, ok := l.take(fmt.Sprint("b", i), limit); ok {
			passed++
		}
	}
	if n := l.budgets.ItemCount(); n > maxAddresses+1 || passed != 3 {
		t.Errorf("%d addresses are kept and %d new ones passed, want %d and 3", n, passed, maxAddresses)
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
		"":                     "no address",
		"not an address":       "no address",
	} {
		if got := Network(text); got != want {
			t.Errorf("Network(%q) = %q, want %q", text, got, want)
		}
	}
}

// Each session has its own number of calls to WeChat, and logins are counted
// apart; neither login_rate off nor loopback lifts it.
func TestSessionCalls(t *testing.T) {
	l := &Limits{Logins: NewLimiter(), Calls: NewLimiter(), Rate: Rate{Attempts: -1}, FreeLoopback: true}
	defer l.Logins.Destruct()
	defer l.Calls.Destruct()
	for range sessionCalls.Attempts {
		if err := l.Call("a"); err != nil {
			t.Fatal(err)
		}
	}
	var refused *RateError
	if err := l.Call("a"); !errors.As(err, &refused) || refused.Wait <= 0 {
		t.Errorf("one call more: %v", err)
	}
	if err := l.Call("b"); err != nil {
		t.Error("another session:", err)
	}
	if _, known := l.Logins.budgets.Get("a"); known {
		t.Error("it is counted among the logins")
	}
}

// A /48 has 65,536 networks of which each has a budget: all of them together have one,
// too. Other networks do not feel it, and IPv4 has no such thing.
func TestLoginRateOfWiderNetworks(t *testing.T) {
	l := &Limits{Logins: NewLimiter(), Calls: NewLimiter(), Rate: Rate{Attempts: 3, Window: time.Hour}}
	defer l.Logins.Destruct()
	defer l.Calls.Destruct()
	passed := func(address string) (n int) {
		for range 5 {
			if l.Login(Network(address)) == nil {
				n++
			}
		}
		return n
	}
	if n := passed("2001:db8:1:1::1"); n != 3 {
		t.Errorf("%d of 5 logins of one /64 pass, want 3", n)
	}
	all := 3
	for i := range 100 {
		all += passed(fmt.Sprintf("2001:db8:1:%x::1", i+2))
	}
	if all != 3*widerShare {
		t.Errorf("%d logins of one /48 pass, want %d", all, 3*widerShare)
	}
	if n := passed("2001:db8:2:1::1"); n != 3 {
		t.Errorf("%d logins of another /48 pass, want 3", n)
	}
	for i := range 100 {
		if n := passed(fmt.Sprintf("192.0.2.%d", i)); n != 3 {
			t.Fatalf("%d logins of an IPv4 address pass, want 3", n)
		}
	}
}

// Who comes through a socket file has no address of their own: by default nobody there
// is held to a limit, which would be one for all users. A number set by hand counts.
func TestLoginRateWithoutAddress(t *testing.T) {
	for _, text := range []string{"", "@", "@\x00abstract", "127.0.0.1", "::1"} {
		for free, want := range map[bool]int{true: 10, false: 3} {
			l := &Limits{Logins: NewLimiter(), Rate: Rate{Attempts: 3, Window: time.Hour}, FreeLoopback: free}
			passed := 0
			for range 10 {
				if l.Login(Network(text)) == nil {
					passed++
				}
			}
			if passed != want {
				t.Errorf("%q, by default %v: %d logins pass, want %d", text, free, passed, want)
			}
			l.Logins.Destruct()
		}
	}
}
