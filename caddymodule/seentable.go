// seentable.go: the hash table of the remembered callers.

package caddymodule

// callerTable maps the heads of digests to callers: open addressing with linear
// probing (Knuth, The Art of Computer Programming 3, section 6.4, algorithms L
// and R). With a million callers a look-up is as long as it waits for memory;
// here that is for one cache line and then for the caller, where Go's map also
// waits for its group's control word. A head is a part of a SHA-256 sum, so it is
// its own hash, and whoever could choose it could sign tokens.
//
// It is not safe for concurrent use.
type callerTable struct {
	slots []callerSlot // a power of two, at most half of them in use
	used  int
}

type callerSlot struct {
	head uint64
	c    *caller // nil in a free slot
}

const leastSlots = 8

// home is where a head would lie in an empty table. The lowest byte has chosen
// the shard.
func (t *callerTable) home(head uint64) int { return int(head>>8) & (len(t.slots) - 1) }

func (t *callerTable) next(i int) int { return (i + 1) & (len(t.slots) - 1) }

// find returns the slot of a head, or the free one that ends the search. There
// must be a free one.
func (t *callerTable) find(head uint64) int {
	i := t.home(head)
	for t.slots[i].c != nil && t.slots[i].head != head {
		i = t.next(i)
	}
	return i
}

func (t *callerTable) get(head uint64) *caller {
	if len(t.slots) == 0 {
		return nil
	}
	return t.slots[t.find(head)].c
}

func (t *callerTable) set(head uint64, c *caller) {
	if 2*(t.used+1) > len(t.slots) {
		t.resize(max(2*len(t.slots), leastSlots))
	}
	i := t.find(head)
	if t.slots[i].c == nil {
		t.used++
	}
	t.slots[i] = callerSlot{head, c}
}

func (t *callerTable) delete(head uint64) {
	if t.get(head) == nil {
		return
	}
	t.used--
	hole := t.find(head)
	t.slots[hole] = callerSlot{}
	// what lies behind the hole, up to the next free slot, is found only if
	// there is no hole between it and its home
	for i := t.next(hole); t.slots[i].c != nil; i = t.next(i) {
		mask := len(t.slots) - 1
		fromHome, fromHole := (i-t.home(t.slots[i].head))&mask, (i-hole)&mask
		if fromHome >= fromHole {
			t.slots[hole], t.slots[i] = t.slots[i], callerSlot{}
			hole = i
		}
	}
}

// near returns one of the heads that are in the table, which must not be empty.
func (t *callerTable) near(head uint64) uint64 {
	i := t.home(head)
	for t.slots[i].c == nil {
		i = t.next(i)
	}
	return t.slots[i].head
}

// shrink gives back the room that a crowd has left.
func (t *callerTable) shrink() {
	size := len(t.slots)
	for size > leastSlots && 8*t.used < size {
		size /= 2
	}
	if size < len(t.slots) {
		t.resize(size)
	}
}

func (t *callerTable) resize(size int) {
	before := t.slots
	t.slots = make([]callerSlot, size)
	for _, s := range before {
		if s.c != nil {
			t.slots[t.find(s.head)] = s
		}
	}
}
