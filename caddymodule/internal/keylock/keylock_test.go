package keylock

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// One at a time has a name, all get it, and names do not wait for each other.
func TestLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Locks
		var wg sync.WaitGroup
		var holders [3]atomic.Int32
		var got atomic.Int32
		begin := time.Now()
		for i := range 90 {
			wg.Go(func() {
				n := i % len(holders)
				unlock, err := l.Lock(t.Context(), strconv.Itoa(n))
				if err != nil {
					t.Error(err)
					return
				}
				if holders[n].Add(1) > 1 {
					t.Error("two have it")
				}
				time.Sleep(time.Second)
				holders[n].Add(-1)
				got.Add(1)
				unlock()
			})
		}
		wg.Wait()
		if got.Load() != 90 || time.Since(begin) != 30*time.Second || len(l.held) > 0 {
			t.Errorf("%d in %v, %d names left", got.Load(), time.Since(begin), len(l.held))
		}
	})
}

// One who cannot wait any longer leaves nothing behind, and takes nothing away.
func TestLockGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Locks
		unlock, _ := l.Lock(t.Context(), "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Lock(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if len(l.held) != 1 {
			t.Error("the lock is gone")
		}
		unlock()
		again, err := l.Lock(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		again()
		if len(l.held) > 0 {
			t.Error("a name is left")
		}
	})
}
