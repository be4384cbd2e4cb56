// seentable.go: the hash table of the remembered callers.

package gate

import (
	"sync/atomic"
	"time"
)

// callerTable maps hashes to callers: open addressing with linear probing (Knuth,
// The Art of Computer Programming 3, section 6.4, algorithms L and R). With a
// million callers a look-up is as long as it waits for memory; here that is for
// one cache line and then for the caller, where Go's map also waits for its
// group's control word, and a lock for its own line. The hash has a secret seed,
// so nobody can choose where callers crowd.
//
// One at a time may change it, while any number reads. A reader who looks at
// slots as they change may miss a caller who is there, and then verifies the token
// once more; he never gets the wrong one, because what he compares is in the caller
// itself.
type callerTable struct {
	slots []callerSlot // a power of two, at most half of them in use
	used  int          // for who changes the table
}

// callerSlot is free without a caller. A hash is written before its caller.
type callerSlot struct {
	hash   atomic.Uint64
	caller atomic.Pointer[Caller]
}

const leastSlots = 8

func newCallerTable(size int) *callerTable { return &callerTable{slots: make([]callerSlot, size)} }

// home is where a hash lies if there is room.
func (t *callerTable) home(hash uint64) int { return int(hash) & (len(t.slots) - 1) }

func (t *callerTable) next(i int) int { return (i + 1) & (len(t.slots) - 1) }

// get returns the caller with a name, or nil. It ends, whatever is changed
// meanwhile, as it looks at each slot once at most.
func (t *callerTable) get(n *tokenName) *Caller {
	i := t.home(n.hash)
	for range t.slots {
		c := t.slots[i].caller.Load()
		if c == nil {
			return nil
		}
		if t.slots[i].hash.Load() == n.hash && c.is(n) {
			return c
		}
		i = t.next(i)
	}
	return nil
}

// find returns the slot of a hash, or -1.
func (t *callerTable) find(hash uint64) int {
	if i := t.place(hash); t.slots[i].caller.Load() != nil {
		return i
	}
	return -1
}

// place returns the slot of a hash, or the free one that it would get.
func (t *callerTable) place(hash uint64) int {
	i := t.home(hash)
	for t.slots[i].caller.Load() != nil && t.slots[i].hash.Load() != hash {
		i = t.next(i)
	}
	return i
}

// full reports whether one more would be too many for searches to be short.
func (t *callerTable) full() bool { return 2*(t.used+1) > len(t.slots) }

// set puts a caller in the place of the one with the same hash, if there is one.
// The table must not be full.
func (t *callerTable) set(hash uint64, c *Caller) {
	i := t.place(hash)
	if t.slots[i].caller.Load() == nil {
		t.used++
	}
	t.slots[i].hash.Store(hash)
	t.slots[i].caller.Store(c)
}

func (t *callerTable) delete(hash uint64) {
	hole := t.find(hash)
	if hole < 0 {
		return
	}
	t.used--
	t.slots[hole].caller.Store(nil)
	// what lies behind the hole, up to the next free slot, is found only if
	// there is no hole between it and its home
	for i := t.next(hole); ; i = t.next(i) {
		c, hash := t.slots[i].caller.Load(), t.slots[i].hash.Load()
		if c == nil {
			return
		}
		mask := len(t.slots) - 1
		if fromHome, fromHole := (i-t.home(hash))&mask, (i-hole)&mask; fromHome >= fromHole {
			t.slots[hole].hash.Store(hash)
			t.slots[hole].caller.Store(c)
			t.slots[i].caller.Store(nil)
			hole = i
		}
	}
}

// near returns the hash of one of the callers in the table, which must not be
// empty.
func (t *callerTable) near(hash uint64) uint64 {
	i := t.home(hash)
	for t.slots[i].caller.Load() == nil {
		i = t.next(i)
	}
	return t.slots[i].hash.Load()
}

// dead returns the hashes of those who are not alive.
func (t *callerTable) dead(now time.Time) (hashes []uint64) {
	for i := range t.slots {
		hash := t.slots[i].hash.Load()
		if c := t.slots[i].caller.Load(); c != nil && !c.Live(now) {
			hashes = append(hashes, hash)
		}
	}
	return hashes
}

// fitting returns the size that is large enough for those who are left, with
// room for as many again before the table grows.
func (t *callerTable) fitting() int {
	size := len(t.slots)
	for size > leastSlots && 8*t.used < size {
		size /= 2
	}
	return size
}

// resized returns a table of another size with the same callers.
func (t *callerTable) resized(size int) *callerTable {
	other := newCallerTable(size)
	for i := range t.slots {
		if c := t.slots[i].caller.Load(); c != nil {
			other.set(t.slots[i].hash.Load(), c)
		}
	}
	return other
}
