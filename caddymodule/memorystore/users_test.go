// users_test.go: the order of locks between users.

package memorystore

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// Two users take one key from each other. Each call locks both of them, and
// calls in both directions must not wait for each other for ever.
func TestUsersThatTakeEachOthersKeyDoNotDeadlock(t *testing.T) {
	table := New(Limits{})
	defer table.Close()
	a, b := "user0", ""
	for i := 1; b == ""; i++ { // on another stripe
		if u := fmt.Sprint("user", i); table.users.number(u) != table.users.number(a) {
			b = u
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 10_000 {
					if err := table.Create(ctx, testRecord(fmt.Sprint("key", i%2), []string{a, b}[w%2]), 0, nil); err != nil {
						t.Errorf("Create = %v, want nil", err)
					}
				}
			})
		}
		wg.Wait()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the calls wait for each other")
	}
	if n := held(table); n != 2 {
		t.Errorf("%d sessions are counted, want 2", n)
	}
}
