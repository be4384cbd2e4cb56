// shelf.go: entries by name, in shards of go-cache that know what is due next.

package memorystore

import (
	"container/heap"
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

// shelf holds entries of one kind by name. A name has one entry, or, among
// sessions, as many as the user has: then it is the first part of their keys, and
// they are a chain, oldest first. Reads take nothing but go-cache's read lock.
type shelf struct {
	watch
	nameLen int // a name is so many bytes of a key; 0 is all of them
	seed    maphash.Seed
	shards  [shardCount]shard

	entries, bytes atomic.Int64 // held, expired ones too until they are swept
}

// shard is one go-cache with the parts it lacks: compare and swap, and a way to
// find what has expired without looking at everything under its lock.
type shard struct {
	mu   sync.Mutex // all writes to held, its chains, due and apps
	held *cache.Cache
	due  dueHeap
	apps map[string]int // held entries by app, among sessions
}

func newShelf(nameLen int) *shelf {
	s := &shelf{watch: watch{time.Now()}, nameLen: nameLen, seed: maphash.MakeSeed()}
	for i := range s.shards {
		// no janitor: it would lock a cache for as long as it walks it (sweep.go)
		s.shards[i].held = cache.New(cache.NoExpiration, 0)
		s.shards[i].apps = make(map[string]int)
	}
	return s
}

// name is what an entry under the key is found by.
func (s *shelf) name(key string) string {
	if s.nameLen == 0 {
		return key
	}
	return key[:min(s.nameLen, len(key))]
}

func (s *shelf) shard(name string) *shard {
	return &s.shards[maphash.String(s.seed, name)%shardCount]
}

// lock locks the shard of a name, or of a key.
func (s *shelf) lock(name string) *shard {
	sh := s.shard(s.name(name))
	sh.mu.Lock()
	return sh
}

// first returns the first entry of a name, nil when there is none. What has expired
// may be among its chain or not.
func (sh *shard) first(name string) *entry {
	if x, ok := sh.held.Get(name); ok {
		return x.(*entry)
	}
	return nil
}

func (sh *shard) find(name, key string) *entry {
	for e := sh.first(name); e != nil; e = e.next.Load() {
		if e.key == key {
			return e
		}
	}
	return nil
}

// get returns the live entry under the key, or nil.
func (s *shelf) get(key string) *entry {
	name := s.name(key)
	sh := s.shard(name)
	e := sh.first(name)
	if e == nil {
		return nil
	}
	for e != nil && e.key != key {
		e = e.next.Load()
	}
	if e == nil { // or it was moved in the chain meanwhile
		sh.mu.Lock()
		e = sh.find(name, key)
		sh.mu.Unlock()
	}
	if e == nil || !e.live(s.now()) {
		return nil
	}
	return e
}

// insert holds e behind all of its name that were not issued later. The caller
// holds the shard, as of all that follow, and has taken the room.
func (s *shelf) insert(sh *shard, e *entry) {
	heap.Push(&sh.due, e)
	name := s.name(e.key)
	s.count(sh, name, 1)
	var before *entry
	after := sh.first(name)
	for after != nil && after.issued <= e.issued {
		before, after = after, after.next.Load()
	}
	e.next.Store(after)
	s.link(sh, name, before, e)
}

// link lets e follow the entry before it; nil is no entry.
func (s *shelf) link(sh *shard, name string, before, e *entry) {
	switch {
	case before != nil:
		before.next.Store(e)
	case e != nil:
		sh.held.Set(s.name(e.key), e, cache.NoExpiration) // e's own name: that of another would keep it in memory
	default:
		sh.held.Delete(name)
	}
}

func (s *shelf) count(sh *shard, name string, n int) {
	if s.nameLen > 0 {
		sh.apps[session.AppTagOf(name)] += n
	}
}

// before returns the entry before one that is held, nil when that is the first.
func (sh *shard) before(name string, e *entry) (before *entry) {
	for have := sh.first(name); have != e; have = have.next.Load() {
		before = have
	}
	return before
}

// replace puts e in the place of old, which has the same name and is not issued
// at another time.
func (s *shelf) replace(sh *shard, old, e *entry) {
	name := s.name(e.key)
	sh.due[old.place], e.place, old.place = e, old.place, -1
	heap.Fix(&sh.due, int(e.place))
	e.next.Store(old.next.Load())
	s.link(sh, name, sh.before(name, old), e)
	old.lease.End()
}

// remove takes e, which is held, off the shelf. Its room is the caller's to give
// back. A reader who is at e goes on to what follows it.
func (s *shelf) remove(sh *shard, e *entry) {
	name := s.name(e.key)
	heap.Remove(&sh.due, int(e.place))
	s.count(sh, name, -1)
	s.link(sh, name, sh.before(name, e), e.next.Load())
	e.lease.End()
}

// end removes e and gives its room back.
func (s *shelf) end(sh *shard, e *entry) {
	s.remove(sh, e)
	s.entries.Add(-1)
	s.bytes.Add(-int64(len(e.value)))
}

// counts adds up the sessions of each app.
func (s *shelf) counts() map[string]int {
	sum := make(map[string]int)
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for app, n := range sh.apps {
			sum[app] += n
		}
		sh.mu.Unlock()
	}
	return sum
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

// dueHeap orders the entries of a shard by expiry, the next one first.
type dueHeap []*entry

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].end() < h[j].end() }

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
