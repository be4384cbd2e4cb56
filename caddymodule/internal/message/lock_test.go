package message

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/keylock"
)

func locked(shared Shared) *Deliveries {
	return &Deliveries{Shared: shared, Locks: new(keylock.Locks), Now: time.Now}
}

// One note for each message, and none for one that was refused.
func TestDeliverLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, b := newMemory(), &backend{}
		d := locked(shared)
		ctx := t.Context()
		got, err := d.Deliver(ctx, "k", b.answer(0, false))
		want(t, "refused", got, err, Rejected, nil)
		got, err = d.Deliver(ctx, "k", b.answer(0, true))
		want(t, "sent again", got, err, Accepted, nil)
		time.Sleep(rememberFor - time.Second)
		// another configuration, or the next process
		got, err = locked(shared).Deliver(ctx, "k", b.answer(0, true))
		want(t, "20 minutes later", got, err, Repeated, nil)
		if b.asked.Load() != 2 || shared.writes != 1 {
			t.Errorf("asked %d times, %d writes", b.asked.Load(), shared.writes)
		}
	})
}

// Repeats that come while the first is under way wait for it, and no longer.
func TestDeliverLockedWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, accept := range []bool{true, false} {
			b := &backend{}
			d := locked(newMemory())
			var wg sync.WaitGroup
			var waited [6]time.Duration
			var repeated atomic.Int32
			begin := time.Now()
			for i := range waited {
				wg.Go(func() {
					time.Sleep(time.Duration(i) * 300 * time.Millisecond)
					got, err := d.Deliver(within(t, 20*time.Second), "k", b.answer(4*time.Second, accept || i > 0))
					if err != nil {
						t.Errorf("%d: %v", i, err)
					}
					if got == Repeated {
						repeated.Add(1)
					}
					waited[i] = time.Since(begin)
				})
			}
			wg.Wait()
			asked, over := int32(1), 4*time.Second
			if !accept {
				asked, over = 2, 8*time.Second
			}
			if b.asked.Load() != asked || repeated.Load() != 6-asked || waited[5] != over {
				t.Errorf("accepted %v: asked %d times, %d repeated, all after %v", accept, b.asked.Load(), repeated.Load(), waited[5])
			}
		}
	})
}

func TestDeliverLockedUnderway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		d := locked(newMemory())
		go func() { _, _ = d.Deliver(t.Context(), "k", b.answer(11*time.Second, true)) }()
		time.Sleep(time.Second)
		got, err := d.Deliver(within(t, 4500*time.Millisecond), "k", b.answer(0, true))
		want(t, "waiting", got, err, Rejected, ErrUnderway)
		got, err = d.Deliver(t.Context(), "another", b.answer(0, true))
		want(t, "another message", got, err, Accepted, nil)
		time.Sleep(10 * time.Second)
		if b.accepted.Load() != 2 {
			t.Errorf("accepted %d", b.accepted.Load())
		}
	})
}

func TestDeliverLockedPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &backend{}
		d := locked(newMemory())
		func() {
			defer func() {
				if recover() != "aborted" {
					t.Error("the panic is lost")
				}
			}()
			_, _ = d.Deliver(t.Context(), "k", func(context.Context) bool { panic("aborted") })
		}()
		got, err := d.Deliver(within(t, time.Second), "k", b.answer(0, true))
		want(t, "sent again", got, err, Accepted, nil)
	})
}

// A claim in the store is of a process that is gone, before an update of the program or
// after a trial: nobody waits for it.
func TestDeliverLockedAfterCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, b := newMemory(), &backend{}
		dead := &claim{}
		_ = shared.UpdateValue(t.Context(), "k", time.Now().Add(claimFor), func([]byte) ([]byte, error) { return dead.value(), nil })
		begin := time.Now()
		got, err := locked(shared).Deliver(t.Context(), "k", b.answer(0, true))
		want(t, "repeat", got, err, Accepted, nil)
		if time.Since(begin) > 0 {
			t.Errorf("waited %v for nobody", time.Since(begin))
		}
	})
}

// full reads, and takes no writes: a full disk.
type full struct {
	*memory
	off atomic.Bool
}

func (s *full) UpdateValue(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
	return s.memory.UpdateValue(ctx, key, until, func(old []byte) ([]byte, error) {
		value, err := change(old)
		if err == nil && s.off.Load() {
			err = errDown
		}
		return value, err
	})
}

// A disk fills up. What the backend accepts at that moment is noted when it can be, and
// its repeats wait for that; after it, no message is delivered that could not be noted.
func TestDeliverLockedStoreFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, b := &full{memory: newMemory()}, &backend{}
		d := locked(shared)
		shared.off.Store(true)
		begin := time.Now()
		got, err := d.Deliver(t.Context(), "k", b.answer(0, true))
		want(t, "the first", got, err, Accepted, nil)
		if d := time.Since(begin); d > noteTimeout {
			t.Errorf("answered after %v", d)
		}
		for i := range 3 {
			got, err = d.Deliver(within(t, time.Second), fmt.Sprint(i), b.answer(0, true))
			want(t, "another", got, err, Rejected, errDown)
		}
		got, err = d.Deliver(within(t, time.Second), "k", b.answer(0, true))
		want(t, "the first again", got, err, Rejected, ErrUnderway)
		if b.asked.Load() != 1 {
			t.Errorf("asked %d times", b.asked.Load())
		}
		shared.off.Store(false)
		got, err = d.Deliver(within(t, time.Second), "k", b.answer(0, true))
		want(t, "the first, there is room again", got, err, Repeated, nil)
		got, err = d.Deliver(t.Context(), "0", b.answer(0, true))
		want(t, "another, there is room again", got, err, Accepted, nil)
		before := shared.writes
		got, err = d.Deliver(t.Context(), "new", b.answer(0, true))
		want(t, "a new one", got, err, Accepted, nil)
		if shared.writes != before+1 {
			t.Errorf("%d writes for a message", shared.writes-before)
		}
	})
}

// The store is away: the backend is not asked.
func TestDeliverLockedStoreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared, b := newMemory(), &backend{}
		shared.down = true
		got, err := locked(shared).Deliver(t.Context(), "k", b.answer(0, true))
		want(t, "down", got, err, Rejected, errDown)
		if b.asked.Load() != 0 {
			t.Error("asked")
		}
	})
}
