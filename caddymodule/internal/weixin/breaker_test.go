// breaker_test.go: a WeChat that fails is left alone and found again (M3).

package weixin

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// testBreaker is a breaker with the documented defaults, on the bubble's clock.
func testBreaker(t *testing.T) *breaker {
	t.Helper()
	o, err := breakerOptions{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return newBreaker(o)
}

// tell reports outcomes and stops when the breaker refuses; it returns how many it took.
func tell(b *breaker, n int, err error) (taken int) {
	for range n {
		done, refused := b.allow(CallCode2Session)
		if refused != nil {
			break
		}
		taken++
		done(err)
	}
	return taken
}

func TestBreakerOpensAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := testBreaker(t)
		if got := tell(b, 100, &Error{Kind: KindBusy}); got != 10 {
			t.Fatalf("opened after %d failures in a row, want 10", got)
		}
		time.Sleep(2 * time.Second)
		if e := wantKind(t, b.open(CallCode2Session), KindShed); e.RetryAfter() != 3*time.Second {
			t.Errorf("retry after %v, want the 3 s that are left", e.RetryAfter())
		}
		time.Sleep(2900 * time.Millisecond)
		if e := wantKind(t, b.open(CallCode2Session), KindShed); e.RetryAfter() != time.Second {
			t.Errorf("retry after %v, want at least 1 s", e.RetryAfter())
		}
		time.Sleep(200 * time.Millisecond)
		if err := b.open(CallCode2Session); err != nil {
			t.Fatalf("still open after 5 s: %v", err)
		}
		// Half-open: two probes and no more.
		first, err1 := b.allow(CallCode2Session)
		second, err2 := b.allow(CallCode2Session)
		_, err3 := b.allow(CallCode2Session)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		wantKind(t, err3, KindShed)
		first(nil)
		second(&Error{Kind: KindUnreachable})
		wantKind(t, b.open(CallCode2Session), KindShed)
		time.Sleep(5100 * time.Millisecond)
		if got := tell(b, 100, nil); got != 100 {
			t.Errorf("%d of 100 calls after recovery", got)
		}
	})
}

// Probes whose slot is given back unused, or whose client goes away, must not block
// the way for the next ones: the breaker would stay half-open for ever.
func TestUnusedProbesDoNotStick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{BaseURL: "http://127.0.0.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		tell(c.exchange, 10, &Error{Kind: KindTimeout})
		if _, err := c.Acquire(t.Context(), CallCode2Session, "", nil); KindOf(err) != KindShed {
			t.Fatalf("%v, want shed", err)
		}
		time.Sleep(5100 * time.Millisecond)
		for i := range 50 {
			a, errA := c.Acquire(t.Context(), CallCode2Session, "", nil)
			b, errB := c.Acquire(t.Context(), CallCode2Session, "", nil)
			if errA != nil || errB != nil {
				t.Fatalf("round %d: %v, %v", i, errA, errB)
			}
			_, err := c.Acquire(t.Context(), CallCode2Session, "", nil)
			wantKind(t, err, KindShed)
			// One is released unused, one is cancelled before it is sent.
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err = b.Code2Session(ctx, testApp, testCode)
			wantKind(t, err, KindCanceled)
			a.Release()
			b.Release()
			b.Release()
		}
		if taken := c.gate.taken(); taken != 0 {
			t.Errorf("%d places taken", taken)
		}
		if got := tell(c.exchange, 10, nil); got != 10 {
			t.Errorf("%d of 10 calls after recovery", got)
		}
	})
}

func TestBreakerShare(t *testing.T) {
	bad := error(&Error{Kind: KindUnreachable})
	for _, tt := range []struct {
		name     string
		outcomes string // g: good, b: bad
		open     bool
	}{
		{"9 in a row", strings.Repeat("b", 9), false},
		{"10 in a row", strings.Repeat("b", 10), true},
		{"in a row, interrupted", "bbbbbbbbbgbbbbbbbbb", false},
		{"60 % of 20", strings.Repeat("bgbgbgbbgb", 2), true},
		{"50 % of 40", strings.Repeat("bg", 20), false},
		{"67 % of 18", strings.Repeat("bbgbbgbbg", 2), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := testBreaker(t)
			for _, o := range tt.outcomes {
				if o == 'b' {
					tell(b, 1, bad)
				} else {
					tell(b, 1, nil)
				}
			}
			if got := b.open(CallCode2Session) != nil; got != tt.open {
				t.Errorf("%s: open = %v", tt.name, got)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b := testBreaker(t)
		for range 20 { // 9 failures in each 12 s: never enough within the window
			tell(b, 9, bad)
			time.Sleep(12 * time.Second)
		}
		if err := b.open(CallCode2Session); err != nil {
			t.Errorf("old failures count: %v", err)
		}
	})
}

// Refusals are answers of a healthy WeChat: one misconfigured app, or a crowd of bad
// codes, must not shut out the others.
func TestHealthyAnswersDoNotOpen(t *testing.T) {
	for _, kind := range []Kind{KindBadCode, KindBlocked, KindRateLimited, KindRefused, KindBadToken, KindBadSignature, KindKeyGone, KindCanceled, KindMalformed, KindOverloaded} {
		if got := tell(testBreaker(t), 100, &Error{Kind: kind}); got != 100 {
			t.Errorf("%s opens the breaker after %d", kind, got)
		}
	}
	for _, kind := range []Kind{KindBusy, KindUnreachable, KindTimeout} {
		if got := tell(testBreaker(t), 100, &Error{Kind: kind}); got != 10 {
			t.Errorf("%s opens the breaker after %d, want 10", kind, got)
		}
	}
}

// Timeouts that our own queue has caused say nothing about WeChat.
func TestVerdict(t *testing.T) {
	timeout := error(&Error{Kind: KindTimeout})
	if got := verdict(timeout, 4*time.Second, time.Second); got != errNotCounted {
		t.Errorf("waited 4 s, 1 s on the wire: %v", got)
	}
	if got := verdict(timeout, time.Second, 4*time.Second); got != timeout {
		t.Errorf("waited 1 s, 4 s on the wire: %v", got)
	}
	busy := error(&Error{Kind: KindBusy})
	if got := verdict(busy, 4*time.Second, time.Second); got != busy {
		t.Errorf("busy: %v", got)
	}
}

// A storm of -1 over real HTTP: WeChat is asked ten times, then spared, then found
// again. A broken phone API does not stop logins.
func TestStorm(t *testing.T) {
	var calls atomic.Int32
	var calm atomic.Bool
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if calm.Load() || strings.HasPrefix(r.URL.Path, "/sns/") && r.URL.Query().Get("js_code") == "calm" {
			_, _ = w.Write([]byte(goodAnswer))
			return
		}
		_, _ = w.Write([]byte(`{"errcode":-1,"errmsg":"system error"}`))
	}, func(o *Options) { o.breaker.OpenFor = 100 * time.Millisecond })
	for range 20 {
		_, _ = c.PhoneNumber(t.Context(), "", "T", "c", "o", nil)
	}
	if got := calls.Swap(0); got != 10 {
		t.Errorf("%d phone calls in a storm, want 10", got)
	}
	if _, err := exchange(t.Context(), c, "calm"); err != nil {
		t.Errorf("a login while the phone API is down: %v", err)
	}
	for range 20 {
		_, _ = exchange(t.Context(), c, testCode)
	}
	if got := calls.Swap(0); got != 11 {
		t.Errorf("%d logins in a storm, want 1 good and 10 bad", got)
	}
	calm.Store(true)
	time.Sleep(150 * time.Millisecond)
	for range 5 {
		if _, err := exchange(t.Context(), c, testCode); err != nil {
			t.Error(err)
		}
	}
}
