package gate

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// A table of callers does what a map does, however its entries crowd: all homes
// lie within a few slots here, so that most entries lie far from theirs.
func TestCallerTableIsAMap(t *testing.T) {
	for _, spread := range []uint64{1, 3, 16, 1 << 40} {
		rng := rand.New(rand.NewPCG(spread, 1))
		table, want := newCallerTable(leastSlots), make(map[uint64]*Caller)
		get := func(hash uint64) *Caller { return table.get(&tokenName{hash: hash}) }
		for n := range 20_000 {
			// grows for a while, then shrinks
			hash, put := rng.Uint64N(spread)|rng.Uint64N(4)<<56, rng.IntN(20_000) > n
			if spread < 1<<40 {
				hash |= rng.Uint64N(20) << 50
			}
			if put {
				if table.full() {
					table = table.resized(2 * len(table.slots))
				}
				c := &Caller{openID: "oALICE"}
				table.set(hash, c)
				want[hash] = c
			} else {
				for have := range want { // one that is there, or the random one
					if rng.IntN(2) == 0 {
						hash = have
					}
					break
				}
				table.delete(hash)
				delete(want, hash)
			}
			if n%97 == 0 {
				table = table.resized(table.fitting())
			}
			if table.used != len(want) || get(hash) != want[hash] || (table.find(hash) >= 0) != (want[hash] != nil) {
				t.Fatalf("spread %d, step %d: %d entries, want %d; the last one is right: %v", spread, n, table.used, len(want), get(hash) == want[hash])
			}
			if n%101 == 0 {
				for hash, c := range want {
					if get(hash) != c {
						t.Fatalf("spread %d, step %d: an entry is lost", spread, n)
					}
				}
				if len(want) > 0 && want[table.near(rng.Uint64())] == nil {
					t.Fatalf("spread %d, step %d: near names nobody", spread, n)
				}
			}
			if 2*table.used > len(table.slots) {
				t.Fatalf("%d entries in %d slots: a search may not end", table.used, len(table.slots))
			}
		}
		for hash := range want {
			table.delete(hash)
		}
		if n := table.fitting(); table.used != 0 || n > leastSlots {
			t.Errorf("emptied, the table has %d entries and would keep %d slots", table.used, n)
		}
	}
}

// Readers look while entries come, go and move. Whoever is found is the one who
// was asked for, and who stays where he is, is found.
func TestCallerTableWhileItChanges(t *testing.T) {
	seen := newSeenTokens()
	crowd := make([]*tokenName, 64)
	for n := range crowd {
		crowd[n] = nameOf(n)
		crowd[n].hash = crowd[n].hash&^(7<<3) | 2 // all homes in a few of the slots, behind his
	}
	stays := nameOf(1000)
	stays.hash = 1 // where nobody moves him
	c := callerAt(stays)
	seen.put(stays, c)

	var over atomic.Bool
	var found atomic.Int64
	var readers, writer sync.WaitGroup
	for worker := range 2 {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(worker), 2))
			for !over.Load() {
				n := crowd[rng.IntN(len(crowd))]
				if got := seen.get(n); got != nil && got.end != n.end {
					t.Error("a token gave another one's caller")
					return
				} else if got != nil {
					found.Add(1)
				}
				if len(seen.table.Load().slots) > leastSlots && seen.get(stays) != c {
					t.Error("who was there all the time is not found")
					return
				}
			}
		})
	}
	writer.Go(func() {
		rng := rand.New(rand.NewPCG(3, 3))
		for range 200_000 {
			n := crowd[rng.IntN(len(crowd))]
			if rng.IntN(2) == 0 {
				seen.put(n, callerAt(n))
			} else {
				seen.drop(n)
			}
		}
	})
	writer.Wait()
	over.Store(true)
	readers.Wait()
	if found.Load() == 0 {
		t.Error("nobody was ever found: this test did not look")
	}
}
