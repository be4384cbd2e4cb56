// cache.go: sessions that are read without the file, a bounded number of them.

package localstore

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	gocache "github.com/patrickmn/go-cache"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

const (
	shardCount = 256

	// cacheEntries and cacheBytes bound what is cached: about 60 MB in all.
	cacheEntries = 128 << 10
	cacheBytes   = 32 << 20 // of values
)

// entry is one version of a session as the file has it. All who read this
// version share its lease.
type entry struct {
	key, user       string
	value           []byte
	issued, expires int64
	place           int32       // in its shard's ring; guarded by the shard
	used            atomic.Bool // since the hand came by
	lease           session.Lease
}

// newEntry makes an entry that points to nothing of the caller's or the file's.
func newEntry(r record) *entry {
	names := r.key + r.user // one allocation for both
	value := make([]byte, len(r.value))
	copy(value, r.value)
	return &entry{
		key: names[:len(r.key)], user: names[len(r.key):], value: value,
		issued: r.issued, expires: r.due.at,
	}
}

func (e *entry) record() session.Record {
	return session.Record{
		Key: e.key, User: e.user, Value: e.value,
		IssuedAt: time.Unix(0, e.issued), ExpiresAt: time.Unix(0, e.expires),
	}
}

// cache never holds what the file does not: the writer changes it after each
// commit and before anybody hears of the commit. An entry that has to make room
// ends its lease, so that a change of the session can never go unseen.
type cache struct {
	seed   maphash.Seed
	shards [shardCount]cacheShard
}

type cacheShard struct {
	held *gocache.Cache // written under mu, read under its own lock alone

	mu    sync.Mutex
	ring  []*entry // everything held; the hand goes round it to find room
	hand  int
	bytes int
	turn  uint64 // counts changes of the file that concern this shard
}

func newCache() *cache {
	c := &cache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		// no janitor: what expires goes when the file is swept
		c.shards[i].held = gocache.New(gocache.NoExpiration, 0)
	}
	return c
}

func (c *cache) shard(key string) *cacheShard {
	return &c.shards[maphash.String(c.seed, key)%shardCount]
}

// get returns what is held under the key, expired or not, or nil.
func (c *cache) get(key string) *entry {
	e := c.shard(key).peek(key)
	if e != nil && !e.used.Load() {
		e.used.Store(true)
	}
	return e
}

func (s *cacheShard) peek(key string) *entry {
	if x, ok := s.held.Get(key); ok {
		return x.(*entry)
	}
	return nil
}

// turn is asked before the file is read, for fill.
func (c *cache) turn(key string) uint64 {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.turn
}

// fill holds an entry that was read from the file, unless the file may have
// changed since turn was asked: then it returns nil, and the caller reads again.
// It returns the entry that others were given, if they were faster.
func (c *cache) fill(e *entry, turn uint64) *entry {
	s := c.shard(e.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.turn != turn {
		return nil
	}
	if have := s.peek(e.key); have != nil {
		return have
	}
	s.add(e)
	return e
}

// change says that the file now has e under the key; nil says that it has
// nothing there, or that it is not known what.
func (c *cache) change(key string, e *entry) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn++
	if old := s.peek(key); old != nil {
		s.remove(old)
	}
	if e != nil {
		s.add(e)
	}
}

// forget drops what is held under an id. The key is not known any more, so
// everything is looked at.
func (c *cache) forget(i id) {
	for n := range c.shards {
		s := &c.shards[n]
		s.mu.Lock()
		s.turn++
		for _, e := range s.ring {
			if idOf(e.key) == i {
				s.remove(e)
				break
			}
		}
		s.mu.Unlock()
	}
}

// clear forgets everything.
func (c *cache) clear() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.turn++
		for len(s.ring) > 0 {
			s.remove(s.ring[0])
		}
		s.mu.Unlock()
	}
}

// add holds e, and makes room by what was not read since the hand came by.
func (s *cacheShard) add(e *entry) {
	for len(s.ring) > 0 && (len(s.ring) >= cacheEntries/shardCount || s.bytes+len(e.value) > cacheBytes/shardCount) {
		s.hand %= len(s.ring)
		if old := s.ring[s.hand]; !old.used.Swap(false) {
			s.remove(old)
			continue
		}
		s.hand++
	}
	e.place = int32(len(s.ring))
	s.ring = append(s.ring, e)
	s.bytes += len(e.value)
	s.held.Set(e.key, e, gocache.NoExpiration)
}

// remove forgets an entry that is held, and ends its lease.
func (s *cacheShard) remove(e *entry) {
	s.held.Delete(e.key)
	last := len(s.ring) - 1
	s.ring[e.place] = s.ring[last]
	s.ring[e.place].place = e.place
	s.ring[last] = nil
	s.ring = s.ring[:last]
	s.bytes -= len(e.value)
	e.lease.End()
}
