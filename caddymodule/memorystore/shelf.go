// shelf.go: entries by key, in shards of go-cache that know what is due next.

package memorystore

import (
	"container/heap"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patrickmn/go-cache"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// shardCount spreads a shelf over that many caches: a write locks one of them. Go's
// maps double at seven eighths of a power of two: with a million entries, the default
// bound, so many shards are three quarters full, and 256 were less than half full.
const shardCount = 160

// entry is a session, a mark or a shared value. Only its links and its place
// change after it was put: an update puts a new entry.
type entry struct {
	key, user string // in one piece of memory where key begins with user, as the manager's do
	value     []byte
	issued    int64 // Unix nanoseconds: with a time.Time, an entry takes 16 bytes more

	// expires has a monotonic reading beside the wall clock's: see live.
	expires time.Time

	prev, next *entry // of the same user in a ring, oldest first; guarded by the user's stripe
	place      int32  // in the shard's heap, -1 when not held; guarded by the shard
	lease      session.Lease
}

func newEntry(key string, value []byte, now, until time.Time) *entry {
	return &entry{key: key, value: value, expires: now.Add(until.Sub(now)), place: -1}
}

// live reports whether the entry has not expired. It looks at both clocks: one
// that is set back must not revive a session, and one that is set forward must
// be believed, as the tokens' "exp" is checked against it too.
func (e *entry) live(now time.Time) bool {
	return now.Before(e.expires) && now.Round(0).Before(e.expires.Round(0))
}

// shelf holds entries of one kind. Reads take nothing but go-cache's read lock.
type shelf struct {
	seed   maphash.Seed
	shards [shardCount]shard

	entries, bytes atomic.Int64 // held, expired ones too until they are swept
}

// shard is one go-cache with the parts it lacks: compare and swap, and a way to
// find what has expired without looking at everything under its lock.
type shard struct {
	mu   sync.Mutex // all writes to held and due
	held *cache.Cache
	due  dueHeap
}

func newShelf() *shelf {
	s := &shelf{seed: maphash.MakeSeed()}
	for i := range s.shards {
		// no janitor: it would lock a cache for as long as it walks it (sweep.go)
		s.shards[i].held = cache.New(cache.NoExpiration, 0)
	}
	return s
}

func (s *shelf) shard(key string) *shard {
	return &s.shards[maphash.String(s.seed, key)%shardCount]
}

// peek returns what is held under the key, nil when nothing is. What has expired
// may be seen or not.
func (s *shelf) peek(key string) *entry { return s.shard(key).peek(key) }

func (sh *shard) peek(key string) *entry {
	if x, ok := sh.held.Get(key); ok {
		return x.(*entry)
	}
	return nil
}

// get returns the live entry under the key, or nil.
func (s *shelf) get(key string, now time.Time) *entry {
	if e := s.peek(key); e != nil && e.live(now) {
		return e
	}
	return nil
}

// errMoved says that somebody else wrote first: look again.
var errMoved = errors.New("the entry was changed meanwhile")

// put holds e in the place of old (nil: of nothing), and takes that much room,
// of which the caller has subtracted what it gives up for it under its locks.
// On errMoved and session.ErrFull nothing was done.
func (s *shelf) put(e, old *entry, entries, bytes int64, b bound) error {
	sh := s.shard(e.key)
	sh.mu.Lock()
	defer sh.mu.Unlock()

	if sh.peek(e.key) != old {
		return errMoved
	}
	if !s.take(entries, bytes, b) {
		return session.ErrFull
	}
	if old != nil {
		sh.due[old.place], e.place, old.place = e, old.place, -1
		heap.Fix(&sh.due, int(e.place))
	} else {
		heap.Push(&sh.due, e)
	}
	// go-cache takes 0 and less for "no expiry"
	ttl := max(e.expires.Round(0).Sub(time.Now().Round(0)), 1)
	sh.held.Set(e.key, e, ttl)
	return nil
}

// remove takes e off the shelf and reports whether it was still there. Its room
// is the caller's to give back.
func (s *shelf) remove(e *entry) bool {
	sh := s.shard(e.key)
	sh.mu.Lock()
	defer sh.mu.Unlock()

	if e.place < 0 {
		return false
	}
	heap.Remove(&sh.due, int(e.place))
	// where go-cache hid e as expired, a new entry may have taken its key
	if cur := sh.peek(e.key); cur == nil || cur == e {
		sh.held.Delete(e.key)
	}
	return true
}

// overdue returns an expired entry that is still held, or nil.
func (sh *shard) overdue(now time.Time) *entry {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if len(sh.due) == 0 || sh.due[0].live(now) {
		return nil
	}
	return sh.due[0]
}

// take counts room as used if the bound allows it. What makes something smaller
// is always allowed, even when a reload has lowered the bound.
func (s *shelf) take(entries, bytes int64, b bound) bool {
	if !claim(&s.entries, entries, b.entries) {
		return false
	}
	if !claim(&s.bytes, bytes, b.bytes) {
		s.entries.Add(-entries)
		return false
	}
	return true
}

// room reports whether take would do that, and takes nothing.
func (s *shelf) room(entries, bytes int64, b bound) bool {
	return s.entries.Load()+entries <= b.entries && s.bytes.Load()+bytes <= b.bytes
}

func claim(used *atomic.Int64, n, limit int64) bool {
	for {
		have := used.Load()
		if n > 0 && have+n > limit {
			return false
		}
		if used.CompareAndSwap(have, have+n) {
			return true
		}
	}
}

// give returns the room of a removed entry.
func (s *shelf) give(e *entry) {
	s.entries.Add(-1)
	s.bytes.Add(-int64(len(e.value)))
}

// dueHeap orders the entries of a shard by expiry, the next one first.
type dueHeap []*entry

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].expires.Before(h[j].expires) }

func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = int32(i), int32(j)
}

func (h *dueHeap) Push(x any) {
	e := x.(*entry)
	e.place = int32(len(*h))
	*h = append(*h, e)
}

func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	e.place = -1
	return e
}

var _ heap.Interface = (*dueHeap)(nil)
