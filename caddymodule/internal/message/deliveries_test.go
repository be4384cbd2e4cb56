package message

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// memory is a store that nodes share; it may be out of reach.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
	until  map[string]time.Time
	down   bool
	after  bool // fails after the write: its answer is lost
	writes int
}

func newMemory() *memory {
	return &memory{values: map[string][]byte{}, until: map[string]time.Time{}}
}

func (s *memory) UpdateValue(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.down {
		return errDown
	}
	var old []byte
	if s.until[key].After(time.Now()) {
		old = s.values[key]
	}
	value, err := change(old)
	if err != nil {
		return err
	}
	s.writes++
	if value == nil {
		delete(s.values, key)
	} else {
		s.values[key], s.until[key] = value, until
	}
	if s.after {
		s.after = false
		return errDown
	}
	return nil
}

func (s *memory) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

var errDown = errors.New("out of reach")

// backend counts what reaches it, and what of it was accepted.
type backend struct{ asked, accepted atomic.Int32 }

func (b *backend) answer(after time.Duration, accept bool) func(context.Context) bool {
	return func(ctx context.Context) bool {
		b.asked.Add(1)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(after):
		}
		if accept {
			b.accepted.Add(1)
		}
		return accept
	}
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func want(t *testing.T, name string, got Outcome, err error, outcome Outcome, wantErr error) {
	t.Helper()
	if got != outcome || !errors.Is(err, wantErr) || wantErr == nil && err != nil {
		t.Errorf("%s: %v, %v; want %v, %v", name, got, err, outcome, wantErr)
	}
}

func TestDeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, b := newMemory(), &backend{}
		n1, n2 := &Deliveries{Shared: shared, Now: time.Now}, &Deliveries{Shared: shared, Now: time.Now}
		ctx := t.Context()
		got, err := n1.Deliver(ctx, "k", b.answer(time.Millisecond, false))
		want(t, "refused", got, err, Rejected, nil)
		got, err = n2.Deliver(ctx, "k", b.answer(time.Millisecond, true))
		want(t, "sent again", got, err, Accepted, nil)
		for i := range 3 {
			got, err = []*Deliveries{n1, n2, n1}[i].Deliver(ctx, "k", b.answer(0, true))
			want(t, "repeated", got, err, Repeated, nil)
		}
		got, err = n1.Deliver(ctx, "other", b.answer(0, true))
		want(t, "another message", got, err, Accepted, nil)
		time.Sleep(rememberFor - time.Second)
		got, err = n1.Deliver(ctx, "k", b.answer(0, true))
		want(t, "20 minutes later", got, err, Repeated, nil)
		if b.asked.Load() != 3 || shared.writes != 6 {
			t.Errorf("asked %d times, %d writes", b.asked.Load(), shared.writes)
		}
	})
}

// Repeats that come while the first is under way wait for it, on all nodes.
func TestDeliverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, accept := range []bool{true, false} {
			shared, b := newMemory(), &backend{}
			var wg sync.WaitGroup
			outcomes := make([]Outcome, 6)
			for i := range outcomes {
				wg.Go(func() {
					d := &Deliveries{Shared: shared, Now: time.Now}
					time.Sleep(time.Duration(i) * 300 * time.Millisecond)
					var err error
					outcomes[i], err = d.Deliver(within(t, 20*time.Second), "k", b.answer(4*time.Second, accept || i > 0))
					if err != nil {
						t.Errorf("%d: %v", i, err)
					}
				})
			}
			wg.Wait()
			count := map[Outcome]int{}
			for _, o := range outcomes {
				count[o]++
			}
			if accept && (b.asked.Load() != 1 || outcomes[0] != Accepted || count[Repeated] != 5) {
				t.Errorf("accepted: asked %d times, %v", b.asked.Load(), outcomes)
			}
			if !accept && (b.asked.Load() != 2 || outcomes[0] != Rejected || count[Accepted] != 1 || count[Repeated] != 4) {
				t.Errorf("refused: asked %d times, %v", b.asked.Load(), outcomes)
			}
		}
	})
}

// One that cannot wait any longer says so, and the backend is asked once.
func TestDeliverUnderway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, b := newMemory(), &backend{}
		d := &Deliveries{Shared: shared, Now: time.Now}
		done := make(chan struct{})
		go func() {
			defer close(done)
			got, err := d.Deliver(t.Context(), "k", b.answer(11*time.Second, true))
			want(t, "slow", got, err, Accepted, nil)
		}()
		time.Sleep(time.Second)
		for range 2 {
			got, err := d.Deliver(within(t, 4500*time.Millisecond), "k", b.answer(0, true))
			want(t, "waiting", got, err, Rejected, ErrUnderway)
		}
		<-done
		if b.asked.Load() != 1 {
			t.Errorf("asked %d times", b.asked.Load())
		}
	})
}

// A node dies while the backend works: its claim stays and is renewed no more.
// WeChat's repeat, 5 s after the first request, must be delivered, whatever the
// clocks of the nodes say.
func TestDeliverAfterCrash(t *testing.T) {
	for _, skew := range []time.Duration{0, -time.Hour, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			shared, b := newMemory(), &backend{}
			dead := &claim{d: &Deliveries{Shared: shared, Now: time.Now}, key: "k"}
			dead.name[0] = 1
			if err := shared.UpdateValue(t.Context(), "k", time.Now().Add(claimFor), func([]byte) ([]byte, error) { return dead.value(), nil }); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			d := &Deliveries{Shared: shared, Now: func() time.Time { return time.Now().Add(skew) }}
			begin := time.Now()
			got, err := d.Deliver(within(t, 4500*time.Millisecond), "k", b.answer(time.Second, true))
			if skew >= 0 { // else the store takes what it is told to keep for past
				want(t, "repeat", got, err, Accepted, nil)
			}
			if waited := time.Since(begin); b.asked.Load() != 1 || waited > 4*time.Second {
				t.Errorf("asked %d times after %v", b.asked.Load(), waited)
			}
			// The dead one was only frozen: what it does now undoes nothing.
			dead.release(t.Context())
			ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
			dead.renew(ctx)
			stop()
			if skew == 0 {
				got, err = d.Deliver(t.Context(), "k", b.answer(0, true))
				want(t, "after the dead woke up", got, err, Repeated, nil)
			}
		})
	}
}

// When a claim has been given up at last, another may have taken it over a
// moment ago: that one is alive.
func TestDeliverTakenOverByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, b := newMemory(), &backend{}
		claimAs := func(name byte) {
			c := &claim{}
			c.name[0] = name
			_ = shared.UpdateValue(t.Context(), "k", time.Now().Add(claimFor), func([]byte) ([]byte, error) { return c.value(), nil })
		}
		claimAs(1)
		time.AfterFunc(abandonedAfter-pollEvery/2, func() { claimAs(2) })
		got, err := (&Deliveries{Shared: shared, Now: time.Now}).Deliver(within(t, 4500*time.Millisecond), "k", b.answer(0, true))
		want(t, "waiting", got, err, Rejected, ErrUnderway)
	})
}

// A store may make its change, lose the answer, and try again.
type repeating struct{ *memory }

func (s repeating) UpdateValue(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
	if err := s.memory.UpdateValue(ctx, key, until, change); err != nil {
		return err
	}
	return s.memory.UpdateValue(ctx, key, until, change)
}

func TestDeliverChangeRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, b := repeating{newMemory()}, &backend{}
		d := &Deliveries{Shared: shared, Now: time.Now}
		begin := time.Now()
		got, err := d.Deliver(t.Context(), "k", b.answer(0, true))
		want(t, "first", got, err, Accepted, nil)
		got, err = d.Deliver(t.Context(), "k", b.answer(0, true))
		want(t, "again", got, err, Repeated, nil)
		if time.Since(begin) > 0 {
			t.Error("waited for itself")
		}
	})
}

// A backend that works for long is not taken for a dead node.
func TestDeliverRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, b := newMemory(), &backend{}
		d := &Deliveries{Shared: shared, Now: time.Now}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = d.Deliver(t.Context(), "k", b.answer(40*time.Second, true))
		}()
		time.Sleep(time.Millisecond)
		got, err := d.Deliver(within(t, time.Minute), "k", b.answer(0, true))
		want(t, "waiting", got, err, Repeated, nil)
		<-done
		if b.asked.Load() != 1 {
			t.Errorf("asked %d times", b.asked.Load())
		}
	})
}

// A reverse proxy panics when its client is gone.
func TestDeliverPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, b := newMemory(), &backend{}
		d := &Deliveries{Shared: shared, Now: time.Now}
		func() {
			defer func() {
				if recover() != "aborted" {
					t.Error("the panic is lost")
				}
			}()
			_, _ = d.Deliver(t.Context(), "k", func(context.Context) bool { panic("aborted") })
		}()
		begin := time.Now()
		got, err := d.Deliver(t.Context(), "k", b.answer(0, true))
		want(t, "sent again", got, err, Accepted, nil)
		if time.Since(begin) > 0 {
			t.Errorf("waited %v for nobody", time.Since(begin))
		}
	})
}

// The request ends while the backend works: what came of it is noted all the same.
func TestDeliverOutlivesRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, b := newMemory(), &backend{}
		d := &Deliveries{Shared: shared, Now: time.Now}
		for accept, outcome := range map[bool]Outcome{true: Accepted, false: Rejected} {
			key := fmt.Sprint(accept)
			ctx, cancel := context.WithCancel(t.Context())
			got, err := d.Deliver(ctx, key, func(context.Context) bool { cancel(); return accept })
			want(t, key, got, err, outcome, nil)
			begin := time.Now()
			got, err = d.Deliver(t.Context(), key, b.answer(0, true))
			if time.Since(begin) > 0 {
				t.Errorf("%s: waited for a request that is over", key)
			}
			want(t, key+" again", got, err, map[bool]Outcome{true: Repeated, false: Accepted}[accept], nil)
		}
	})
}

func TestDeliverStoreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, b := newMemory(), &backend{}
		d := &Deliveries{Shared: shared, Now: time.Now}
		shared.set(func() { shared.down = true })
		got, err := d.Deliver(t.Context(), "k", b.answer(0, true))
		want(t, "down", got, err, Rejected, errDown)
		if b.asked.Load() != 0 {
			t.Error("the backend was asked though nothing could be noted")
		}
		shared.set(func() { shared.down, shared.after = false, true })
		got, err = d.Deliver(t.Context(), "k", b.answer(0, true))
		want(t, "answer lost", got, err, Rejected, errDown)
		got, err = d.Deliver(within(t, 4500*time.Millisecond), "k", b.answer(0, true))
		want(t, "the claim that was made all the same is taken over", got, err, Accepted, nil)

		// Down for a moment when the backend has accepted.
		got, err = d.Deliver(t.Context(), "l", func(context.Context) bool {
			shared.set(func() { shared.down = true })
			time.AfterFunc(time.Second, func() { shared.set(func() { shared.down = false }) })
			return true
		})
		want(t, "down at the end", got, err, Accepted, nil)
		got, err = d.Deliver(t.Context(), "l", b.answer(0, true))
		want(t, "and again", got, err, Repeated, nil)

		// Down for longer: accepted all the same, and soon answered.
		begin := time.Now()
		got, err = d.Deliver(t.Context(), "m", func(context.Context) bool {
			shared.set(func() { shared.down = true })
			return true
		})
		want(t, "down for long", got, err, Accepted, nil)
		if d := time.Since(begin); d > noteTimeout+pollEvery {
			t.Errorf("answered after %v", d)
		}
		// The note is made when the store is back, before anybody can ask it.
		time.Sleep(10 * time.Second)
		shared.set(func() { shared.down = false })
		time.Sleep(noteTimeout)
		got, err = d.Deliver(t.Context(), "m", b.answer(0, true))
		want(t, "and again after that", got, err, Repeated, nil)
	})
}

// held is a store whose answers come late.
type held struct {
	*memory
	wait func()
}

func (h held) UpdateValue(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
	h.wait()
	return h.memory.UpdateValue(ctx, key, until, change)
}

// The store stalls for longer than a claim may go without renewal: the node that holds it
// lives, and is not taken over from by the one that waits.
func TestDeliverThroughAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, b := newMemory(), &backend{}
		begin := time.Now()
		holder := &Deliveries{Shared: shared, Now: time.Now}
		waiter := &Deliveries{Shared: held{shared, func() {
			if at := time.Since(begin); at > 750*time.Millisecond && at < 3800*time.Millisecond {
				time.Sleep(3800*time.Millisecond - at)
			}
		}}, Now: time.Now}
		time.AfterFunc(800*time.Millisecond, func() { shared.set(func() { shared.down = true }) })
		time.AfterFunc(3790*time.Millisecond, func() { shared.set(func() { shared.down = false }) })
		done := make(chan struct{})
		go func() {
			defer close(done)
			got, err := waiter.Deliver(within(t, 20*time.Second), "k", b.answer(0, true))
			want(t, "the one that waits", got, err, Repeated, nil)
		}()
		got, err := holder.Deliver(t.Context(), "k", b.answer(6*time.Second, true))
		want(t, "the one that holds it", got, err, Accepted, nil)
		<-done
		if b.asked.Load() != 1 {
			t.Errorf("the backend was asked %d times", b.asked.Load())
		}
	})
}
