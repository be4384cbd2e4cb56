// gate_test.go: whose turn it is when many want to ask WeChat, and who is sent away.

package weixin

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// enterAsync asks for a place and reports how that ended, in a bubble's own time.
func enterAsync(ctx context.Context, g *gate, network string) <-chan error {
	done := make(chan error, 1)
	go func() { done <- g.enter(ctx, CallCode2Session, network) }()
	synctest.Wait()
	return done
}

// waits fails if the caller behind done has got its answer.
func waits(t *testing.T, done <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		t.Fatalf("does not wait: %v", err)
	default:
	}
}

func got(t *testing.T, done <-chan error) error {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		return err
	default:
		t.Fatal("still waits")
		return nil
	}
}

// One client sends 300 logins while WeChat is slow: the others still get in, and it
// does not push them out of the queue either.
func TestOneNetworkGetsAPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(8, 16)
		var greedy []<-chan error
		for range 30 {
			greedy = append(greedy, enterAsync(t.Context(), g, "greedy"))
		}
		for i, done := range greedy {
			switch {
			case i < 2: // a quarter of the places
				if err := got(t, done); err != nil {
					t.Fatalf("greedy %d: %v", i, err)
				}
			case i < 6: // a quarter of the queue
				waits(t, done)
			default:
				wantKind(t, got(t, done), KindOverloaded)
			}
		}
		for _, network := range []string{"a", "b", "c", ""} {
			if err := got(t, enterAsync(t.Context(), g, network)); err != nil {
				t.Errorf("%q: %v", network, err)
			}
		}
		// The gateway itself has no part, only the whole.
		for range 2 {
			if err := got(t, enterAsync(t.Context(), g, "")); err != nil {
				t.Error(err)
			}
		}
		last := enterAsync(t.Context(), g, "late")
		waits(t, last)
		// A free place passes over who has its part, and goes to who came later.
		g.leave("a")
		if err := got(t, last); err != nil {
			t.Error(err)
		}
		waits(t, greedy[2])
		// A place of its own is what the greedy one waits for, in the order of arrival.
		g.leave("greedy")
		if err := got(t, greedy[2]); err != nil {
			t.Error(err)
		}
		waits(t, greedy[3])
		for range 3 {
			g.leave("greedy")
		}
		for _, network := range []string{"b", "c", "late", "", "", ""} {
			g.leave(network)
		}
		for range 2 {
			g.leave("greedy")
		}
		for _, done := range greedy[3:6] {
			if err := got(t, done); err != nil {
				t.Error(err)
			}
		}
		if g.busy != 0 || g.queue.Len() != 0 || len(g.running) != 0 || len(g.waiting) != 0 {
			t.Errorf("left behind: %d busy, %d queued, %v, %v", g.busy, g.queue.Len(), g.running, g.waiting)
		}
	})
}

// A login whose turn comes 400 ms before its deadline would be sent, time out, and
// leave its user with a spent code. It is sent away before that, and told so.
func TestWaiterNeedsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 16)
		if err := g.enter(t.Context(), CallCode2Session, "a"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := g.enter(ctx, CallCode2Session, "b")
		if e := wantKind(t, err, KindOverloaded); time.Since(start) != 4500*time.Millisecond || e.RetryAfter() != time.Second {
			t.Errorf("after %v, retry after %v", time.Since(start), e.RetryAfter())
		}
		start = time.Now()
		wantKind(t, g.enter(ctx, CallCode2Session, "b"), KindOverloaded)
		if time.Since(start) != 0 {
			t.Errorf("waited %v with 500 ms left", time.Since(start))
		}
		// A free place needs no wait, whatever is left.
		g.leave("a")
		if err := g.enter(ctx, CallCode2Session, "b"); err != nil {
			t.Error(err)
		}
		g.leave("b")
		time.Sleep(time.Second)
		wantKind(t, g.enter(ctx, CallCode2Session, "b"), KindTimeout)
		if g.busy != 0 || g.queue.Len() != 0 || len(g.running)+len(g.waiting) != 0 {
			t.Errorf("left behind: %d busy, %d queued, %v, %v", g.busy, g.queue.Len(), g.running, g.waiting)
		}
	})
}

// Places that come free at the moment in which their waiter gives up are not lost.
func TestNoPlaceIsLost(t *testing.T) {
	g := newGate(4, 64)
	var wg sync.WaitGroup
	for i := range 2000 {
		wg.Go(func() {
			network := fmt.Sprint(i % 7)
			ctx, cancel := context.WithTimeout(t.Context(), leastTime+time.Duration(i%5)*100*time.Microsecond)
			defer cancel()
			if i%3 == 0 {
				time.AfterFunc(time.Duration(i%11)*50*time.Microsecond, cancel)
			}
			if g.enter(ctx, CallCode2Session, network) == nil {
				time.Sleep(time.Duration(i%4) * 20 * time.Microsecond)
				g.leave(network)
			}
		})
	}
	wg.Wait()
	if g.busy != 0 || g.queue.Len() != 0 || len(g.running)+len(g.waiting) != 0 {
		t.Errorf("left behind: %d busy, %d queued, %v, %v", g.busy, g.queue.Len(), g.running, g.waiting)
	}
}
