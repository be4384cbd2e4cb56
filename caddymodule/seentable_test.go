package caddymodule

import (
	"math/rand/v2"
	"testing"
)

// A table of callers does what a map does, however its entries crowd: all homes
// lie within a few slots here, so that most entries lie far from theirs.
func TestCallerTableIsAMap(t *testing.T) {
	for _, spread := range []uint64{1, 3, 16, 1 << 40} {
		rng := rand.New(rand.NewPCG(spread, 1))
		var table callerTable
		want := make(map[uint64]*caller)
		for n := range 20_000 {
			// grows for a while, then shrinks
			head, put := rng.Uint64N(spread)<<8|rng.Uint64N(4)<<56, rng.IntN(20_000) > n
			if spread < 1<<40 {
				head |= rng.Uint64N(20) << 50
			}
			if put {
				c := new(caller)
				table.set(head, c)
				want[head] = c
			} else {
				for have := range want { // one that is there, or the random one
					if rng.IntN(2) == 0 {
						head = have
					}
					break
				}
				table.delete(head)
				delete(want, head)
			}
			if n%97 == 0 {
				table.shrink()
			}
			if table.used != len(want) || table.get(head) != want[head] {
				t.Fatalf("spread %d, step %d: %d entries, want %d; the last one is right: %v", spread, n, table.used, len(want), table.get(head) == want[head])
			}
			if n%101 == 0 {
				for head, c := range want {
					if table.get(head) != c {
						t.Fatalf("spread %d, step %d: an entry is lost", spread, n)
					}
				}
				if len(want) > 0 && want[table.near(rng.Uint64())] == nil {
					t.Fatalf("spread %d, step %d: near names nobody", spread, n)
				}
			}
			if 2*table.used > len(table.slots) && table.used > 0 {
				t.Fatalf("%d entries in %d slots: a search may not end", table.used, len(table.slots))
			}
		}
		for head := range want {
			table.delete(head)
		}
		if table.shrink(); table.used != 0 || len(table.slots) > leastSlots {
			t.Errorf("emptied, the table has %d entries in %d slots", table.used, len(table.slots))
		}
	}
}
