// outage_test.go: a server that is slow, silent, down, restarted: calls end in
// time, answers are right or errors, and all is well again by itself.

package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// patience is what a call may take: the promise is two seconds.
const patience = 2 * time.Second

// everyCall makes each call once, and returns the longest and all errors.
func everyCall(t testing.TB, s session.Store, r session.Record) (longest time.Duration, errs []error) {
	t.Helper()
	same := func(v []byte) ([]byte, error) { return v, nil }
	for call, run := range map[string]func() error{
		"Mark":        func() error { _, err := s.Mark(ctx, name("m", 9), r.ExpiresAt); return err },
		"Create":      func() error { return s.Create(ctx, rec(9, 9), 2, nil) },
		"Get":         func() error { _, _, err := s.Get(ctx, r.Key); return err },
		"Update":      func() error { return s.Update(ctx, r.Key, same) },
		"Delete":      func() error { return s.Delete(ctx, under(name("u", 9), 8)) },
		"List":        func() error { _, err := s.List(ctx, r.User); return err },
		"DeleteUser":  func() error { _, err := s.DeleteUser(ctx, name("u", 8)); return err },
		"Value":       func() error { _, err := s.Value(ctx, name("v", 9)); return err },
		"UpdateValue": func() error { return s.UpdateValue(ctx, name("v", 9), r.ExpiresAt, same) },
	} {
		start := time.Now()
		err := run()
		took := time.Since(start)
		if took > patience {
			t.Errorf("%s took %v, want at most %v", call, took, patience)
		}
		if errors.Is(err, session.ErrNotFound) && call != "Value" {
			t.Errorf("%s = %v: an outage looks like absence", call, err)
		}
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s = %v, which would be the caller's own", call, err)
		}
		longest = max(longest, took)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", call, err))
		}
	}
	return longest, errs
}

// A half-open connection cannot tell of a logout: leases must not live on it. The
// other node logs out while ours hears nothing.
func TestSilentConnectionEndsLeasesWithinASecond(t *testing.T) {
	for _, dir := range []struct {
		name     string
		up, down bool
	}{{"both directions", false, false}, {"to the server", false, true}, {"to the gateway", true, false}} {
		t.Run(dir.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			p := startProxy(t, s)
			near, far := openOn(t, s), open(t, Options{URLs: []string{"redis://" + p.addr}})
			r := rec(1, 1)
			create(t, near, r)
			_, lease := get(t, far, r.Key)
			time.Sleep(1500 * time.Millisecond)
			if !lease.Live() {
				t.Fatal("a lease ended on a healthy connection")
			}
			p.pass(dir.up, dir.down)
			if err := near.Delete(ctx, r.Key); err != nil {
				t.Fatal(err)
			}
			took := eventually(t, time.Second, "the lease ends", func() bool { return !lease.Live() })
			longest, errs := everyCall(t, far, r)
			if len(errs) != 9 {
				t.Errorf("%d calls failed over a silent connection, want all 9: %v", len(errs), errs)
			}
			start := time.Now()
			for range 1000 {
				if _, _, err := far.Get(ctx, r.Key); err == nil || errors.Is(err, session.ErrNotFound) {
					t.Fatalf("Get = %v, want an error", err)
				}
			}
			if fast := time.Since(start); fast > time.Second {
				t.Errorf("1000 calls to a server that is known to be silent took %v", fast)
			}
			t.Logf("lease ended after %v, the longest call took %v", took.Round(time.Millisecond), longest.Round(time.Millisecond))
			p.pass(true, true)
			p.cut()
			back := eventually(t, 10*time.Second, "the store works again", usable(far))
			wantAbsent(t, far, r.Key, "logged out meanwhile")
			t.Logf("back after %v", back.Round(time.Millisecond))
		})
	}
}

func TestSlowServerIsBoundedAndRecovers(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := openOn(t, s)
	r := rec(1, 1)
	create(t, c, r)
	_, lease := get(t, c, r.Key)
	go s.try("DEBUG", "SLEEP", "4")
	time.Sleep(50 * time.Millisecond)
	var wg sync.WaitGroup
	var slowest atomic.Int64
	for range 2000 {
		wg.Go(func() {
			start := time.Now()
			_, _, err := c.Get(ctx, r.Key)
			if err == nil || errors.Is(err, session.ErrNotFound) {
				t.Errorf("Get of a sleeping server = %v, want an error", err)
			}
			slowest.Store(max(slowest.Load(), int64(time.Since(start))))
		})
	}
	wg.Wait()
	if d := time.Duration(slowest.Load()); d > patience {
		t.Errorf("a call took %v, want at most %v", d, patience)
	}
	if lease.Live() {
		t.Error("a lease lives although the server has been silent for more than a second")
	}
	if longest, errs := everyCall(t, c, r); len(errs) != 9 || longest > 200*time.Millisecond {
		t.Errorf("%d of 9 calls failed, the longest took %v: the server is known to be silent: %v", len(errs), longest, errs)
	}
	eventually(t, 15*time.Second, "the store works again", usable(c))
	get(t, c, r.Key)
}

// Slow, but not dead: answers stay right, and the connection is kept.
func TestDelayedAnswersAreStillAnswers(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s)
	c := open(t, Options{URLs: []string{"redis://" + p.addr}})
	r := rec(1, 1)
	create(t, c, r)
	p.slow(100 * time.Millisecond)
	got, lease := get(t, c, r.Key)
	if string(got.Value) != string(r.Value) {
		t.Errorf("Get = %q", got.Value)
	}
	time.Sleep(1200 * time.Millisecond)
	if !lease.Live() {
		t.Error("a lease ended although the server answers within 0.2 s")
	}
	wantAbsent(t, c, name("s1-", 2), "never created")
}

func TestStartsWithoutServerAndFailsFast(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.kill()
	start := time.Now()
	c := openOn(t, s)
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("New took %v without a server", took)
	}
	if longest, errs := everyCall(t, c, rec(1, 1)); len(errs) != 9 || longest > 100*time.Millisecond {
		t.Errorf("%d of 9 calls failed, the longest took %v: %v", len(errs), longest, errs)
	}
	if err := c.Check(ctx); err == nil {
		t.Error("Check = nil without a server")
	}
	s.start()
	eventually(t, 10*time.Second, "the store works", usable(c))
	if err := c.Check(ctx); err != nil {
		t.Errorf("Check = %v, want nil", err)
	}
}

// A server that accepts connections and says nothing is no different, whatever
// the limits of our own are called.
func TestSilentFromTheStart(t *testing.T) {
	t.Parallel()
	p := startProxy(t, startServer(t))
	p.pass(false, false)
	c := open(t, Options{URLs: []string{"redis://" + p.addr}})
	for range 2 {
		if longest, errs := everyCall(t, c, rec(1, 1)); len(errs) != 9 || longest > 200*time.Millisecond {
			t.Errorf("%d of 9 calls failed, the longest took %v: %v", len(errs), longest, errs)
		}
		time.Sleep(1500 * time.Millisecond)
	}
	p.pass(true, true)
	eventually(t, 10*time.Second, "the store works", usable(c))
}

// Gateways go on while Redis is killed and started again, with a log on disk. No
// session that was acknowledged may be missing, none that ended may be back.
func TestRestartUnderLoadGivesNoWrongAnswer(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--appendonly", "yes", "--appendfsync", "always")
	nodes := []*Client{openOn(t, s), openOn(t, s)}
	stop := make(chan struct{})
	var right, failed atomic.Int64
	var wg sync.WaitGroup
	judge := func(what string, err error, want error) {
		switch {
		case errors.Is(err, want) || err == nil && want == nil:
			right.Add(1)
		case err == nil || errors.Is(err, session.ErrNotFound):
			t.Errorf("%s = %v, want %v or an outage", what, err, want)
		default:
			failed.Add(1)
		}
	}
	for w := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				r := rec(100+w, n)
				if nodes[w%2].Create(ctx, r, 0, nil) != nil {
					failed.Add(1)
					time.Sleep(time.Millisecond)
					continue
				}
				for _, c := range nodes {
					_, _, err := c.Get(ctx, r.Key)
					judge("Get of a session", err, nil)
				}
				if nodes[(w+1)%2].Delete(ctx, r.Key) != nil {
					failed.Add(1)
					continue
				}
				for _, c := range nodes {
					_, _, err := c.Get(ctx, r.Key)
					judge("Get after Delete", err, session.ErrNotFound)
				}
			}
		})
	}
	for range 3 {
		time.Sleep(700 * time.Millisecond)
		s.kill()
		time.Sleep(300 * time.Millisecond)
		s.start()
		for _, c := range nodes {
			eventually(t, 10*time.Second, "the store works again", usable(c))
		}
	}
	close(stop)
	wg.Wait()
	t.Logf("%d right answers, %d errors", right.Load(), failed.Load())
	if right.Load() < 100 {
		t.Errorf("only %d answers", right.Load())
	}
}

// A client that goes away must not take the connection of the others along.
func TestCanceledCallsDisturbNobody(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s)
	c := open(t, Options{URLs: []string{"redis://" + p.addr}})
	r := rec(1, 1)
	create(t, c, r)
	_, lease := get(t, c, r.Key)
	p.slow(20 * time.Millisecond)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			gone, cancel := context.WithTimeout(ctx, time.Duration(i%30)*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, _, err := c.Get(gone, r.Key)
			if errors.Is(err, session.ErrNotFound) {
				t.Errorf("canceled Get = %v", err)
			}
			if err := c.UpdateValue(gone, name("v", i), r.ExpiresAt, func([]byte) ([]byte, error) { return []byte("x"), nil }); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("canceled UpdateValue = %v, want the caller's own error", err)
			}
			if took := time.Since(start); took > 500*time.Millisecond {
				t.Errorf("a call went on for %v after its context", took)
			}
		})
		wg.Go(func() { get(t, c, r.Key) })
	}
	wg.Wait()
	if !lease.Live() {
		t.Error("canceled calls ended the lease: the shared connection was closed")
	}
}
