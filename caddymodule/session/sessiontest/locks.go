// locks.go: the rules for stores that no other process can use, session.Locker.

package sessiontest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func lockChecks() []check {
	return []check{
		{"Lock gives a name to one at a time, and other names meanwhile", func(t tb, e env) {
			var wg sync.WaitGroup
			var holders, got atomic.Int32
			other := lock(t, e.store, "other")
			for range 10 {
				wg.Go(func() {
					unlock := lock(t, e.store, "one")
					if holders.Add(1) > 1 {
						t.Errorf("two have the same name")
					}
					time.Sleep(time.Millisecond)
					holders.Add(-1)
					got.Add(1)
					unlock()
				})
			}
			wg.Wait()
			other()
			if got.Load() != 10 {
				t.Errorf("%d of 10 got the name", got.Load())
			}
		}},
		{"Lock ends with its context, and leaves the name to who has it", func(t tb, e env) {
			unlock := lock(t, e.store, "one")
			for range 2 {
				short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
				if _, err := e.store.(session.Locker).Lock(short, "one"); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Lock of a locked name = %v, want %v", err, context.DeadlineExceeded)
				}
				cancel()
			}
			unlock()
			lock(t, e.store, "one")()
		}},
	}
}

func lock(t tb, s session.Store, name string) (unlock func()) {
	t.Helper()
	within, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	unlock, err := s.(session.Locker).Lock(within, name)
	if err != nil {
		t.Fatalf("Lock = %v, want nil", err)
	}
	return unlock
}

// lockingOnly leaves the checks of locks out for a store that has none.
func lockingOnly(list []check) []check {
	for i, ck := range list {
		list[i].run = func(t tb, e env) {
			if _, locks := e.store.(session.Locker); locks {
				ck.run(t, e)
			}
		}
	}
	return list
}
