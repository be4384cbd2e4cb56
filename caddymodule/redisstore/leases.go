// leases.go: which handed out leases depend on which keys of which server.

package redisstore

import (
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

const (
	// maxLeases bounds the table: a million users who come and go cost Redis one
	// look at each. A lease takes some 190 bytes, the full table 200 MB. Beyond it
	// some lease ends early, which costs its holder one more Get.
	maxLeases = 1 << 20

	// endBatch is how many ended leases are forgotten while Gets wait.
	endBatch = 4096

	locatorKey, recordKey, epochKey = 0, 1, 2
)

// leases ends leases. An entry is in the table before the first read that it
// depends on is sent: whatever Redis says about a key after it was read finds
// the entry, however late the reader is to look at the answer.
//
// Keys are known by their hash: two that share one end each other's leases.
type leases struct {
	most  int // entries
	mu    sync.Mutex
	seed  maphash.Seed
	all   []*entry          // in no order
	byKey map[uint64]*entry // the first of a chain
	of    map[*node]int     // how often entries depend on a server
}

// entry is one Get, and after it a lease that lives.
type entry struct {
	lease   session.Lease
	at      int32     // in leases.all; -1 when it was removed, and the lease is over
	keys    [3]uint64 // locator, record, epoch; 0 is not known yet
	next    [3]*entry // in the chain of each key
	nodes   [2]*node  // of the locator, of the other two
	frame   uint64    // hash of what was read
	settled bool
}

func newLeases() *leases {
	return &leases{most: maxLeases, seed: maphash.MakeSeed(), byKey: make(map[uint64]*entry), of: make(map[*node]int)}
}

func (t *leases) hash(key string) uint64 { return max(1, maphash.String(t.seed, key)) }

// begin enters a Get that is about to read the locator from n.
func (t *leases) begin(locator string, n *node) *entry {
	e := &entry{}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) >= t.most {
		t.remove(t.all[rand.IntN(len(t.all))])
	}
	e.at = int32(len(t.all))
	t.all = append(t.all, e)
	t.link(e, locatorKey, locator)
	t.depend(e, 0, n)
	return e
}

// extend adds the keys that are about to be read from n.
func (t *leases) extend(e *entry, record, epoch string, n *node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.at < 0 {
		return
	}
	t.link(e, recordKey, record)
	t.link(e, epochKey, epoch)
	t.depend(e, 1, n)
}

func (t *leases) link(e *entry, which int, key string) {
	h := t.hash(key)
	e.keys[which], e.next[which] = h, t.byKey[h]
	t.byKey[h] = e
}

func (t *leases) depend(e *entry, which int, n *node) {
	e.nodes[which] = n
	t.of[n]++
}

// settle returns the lease for the frame that was read. Readers of one version
// share the lease of the first.
func (t *leases) settle(e *entry, frame string) *session.Lease {
	hash := maphash.String(t.seed, frame)
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.at < 0 {
		return &e.lease
	}
	for other := t.byKey[e.keys[recordKey]]; other != nil; other = other.after(e.keys[recordKey]) {
		if other.settled && other.frame == hash && other.keys == e.keys && other.nodes == e.nodes {
			t.remove(e)
			return &other.lease
		}
	}
	e.frame, e.settled = hash, true
	return &e.lease
}

// drop takes a Get off that found nothing, or whose lease must not be trusted.
func (t *leases) drop(e *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(e)
}

// endKeys ends all leases that depend on one of the keys.
func (t *leases) endKeys(keys ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range keys {
		h := t.hash(key)
		for e := t.byKey[h]; e != nil; e = t.byKey[h] {
			t.remove(e)
		}
	}
}

// endNode ends all leases that depend on a server. They end in one go, within
// milliseconds each hundred thousand; to forget them takes longer, and Gets that
// ask other servers are let in between.
func (t *leases) endNode(n *node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of[n] == 0 {
		return
	}
	ended := 0
	for _, e := range t.all {
		if e.dependsOn(n) {
			e.lease.End()
			ended++
		}
	}
	if ended == len(t.all) {
		for _, e := range t.all {
			e.at = -1
		}
		t.all, t.byKey, t.of = nil, make(map[uint64]*entry), make(map[*node]int)
		return
	}
	over := make([]*entry, 0, ended)
	for _, e := range t.all {
		if e.dependsOn(n) {
			over = append(over, e)
		}
	}
	for batch := range slices.Chunk(over, endBatch) {
		for _, e := range batch {
			t.remove(e)
		}
		t.mu.Unlock()
		t.mu.Lock()
	}
}

func (e *entry) dependsOn(n *node) bool { return e.nodes[0] == n || e.nodes[1] == n }

// remove ends an entry's lease and forgets it.
func (t *leases) remove(e *entry) {
	if e.at < 0 {
		return
	}
	e.lease.End()
	last := len(t.all) - 1
	t.all[last].at = e.at
	t.all[e.at] = t.all[last]
	t.all[last] = nil
	t.all, e.at = t.all[:last], -1
	for which, h := range e.keys {
		if h != 0 {
			t.unlink(e, which, h)
		}
	}
	for _, n := range e.nodes {
		if t.of[n]--; t.of[n] <= 0 {
			delete(t.of, n)
		}
	}
}

// unlink takes an entry out of the chain of one of its keys.
func (t *leases) unlink(e *entry, which int, h uint64) {
	before := t.byKey[h]
	switch {
	case before == e && e.next[which] == nil:
		delete(t.byKey, h)
	case before == e:
		t.byKey[h] = e.next[which]
	default:
		for before != nil && before.after(h) != e {
			before = before.after(h)
		}
		if before != nil {
			before.next[slices.Index(before.keys[:], h)] = e.next[which]
		}
	}
	e.next[which] = nil
}

// after is the next entry in the chain of a key.
func (e *entry) after(h uint64) *entry { return e.next[slices.Index(e.keys[:], h)] }
