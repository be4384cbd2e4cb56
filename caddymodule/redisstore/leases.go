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
	// look at each. Beyond it some lease ends early, which costs its holder one
	// more Get.
	maxLeases = 1 << 20

	// endBatch is how many ended leases are forgotten while Gets wait.
	endBatch = 4096
)

// leases ends leases. An entry is in the table before the read that it depends on
// is sent: whatever Redis says about a key after it was read finds the entry,
// however late the reader is to look at the answer.
//
// Keys are known by their hash: two that share one end each other's leases.
type leases struct {
	most  int // entries
	mu    sync.Mutex
	seed  maphash.Seed
	all   []*entry          // in no order
	byKey map[uint64]*entry // the first of a chain
	of    map[*node]int     // how many entries depend on a server
}

// entry is one Get, and after it a lease that lives.
type entry struct {
	lease session.Lease
	at    int32  // in leases.all; -1 when it was removed, and the lease is over
	key   uint64 // hash of the key that was read
	next  *entry // of the same key
	node  *node
	what  uint64 // hash of what was read; 0 for not yet
}

func newLeases() *leases {
	return &leases{most: maxLeases, seed: maphash.MakeSeed(), byKey: make(map[uint64]*entry), of: make(map[*node]int)}
}

// begin enters a Get that is about to read the key from n.
func (t *leases) begin(key string, n *node) *entry {
	e := &entry{key: maphash.String(t.seed, key), node: n}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) >= t.most {
		t.remove(t.all[rand.IntN(len(t.all))])
	}
	e.at = int32(len(t.all))
	t.all = append(t.all, e)
	e.next, t.byKey[e.key] = t.byKey[e.key], e
	t.of[n]++
	return e
}

// settle returns the lease for what was read. Readers of one version share the
// lease of the first.
func (t *leases) settle(e *entry, read string) *session.Lease {
	what := max(1, maphash.String(t.seed, read))
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.at < 0 {
		return &e.lease
	}
	for other := t.byKey[e.key]; other != nil; other = other.next {
		if other.what == what && other.node == e.node {
			t.remove(e)
			return &other.lease
		}
	}
	e.what = what
	return &e.lease
}

// drop takes a Get off that found nothing.
func (t *leases) drop(e *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(e)
}

// endKey ends all leases that depend on a key.
func (t *leases) endKey(key string) {
	h := maphash.String(t.seed, key)
	t.mu.Lock()
	defer t.mu.Unlock()
	for e := t.byKey[h]; e != nil; e = t.byKey[h] {
		t.remove(e)
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
	if t.of[n] == len(t.all) {
		for _, e := range t.all {
			e.lease.End()
			e.at = -1
		}
		t.all, t.byKey, t.of = nil, make(map[uint64]*entry), make(map[*node]int)
		return
	}
	over := make([]*entry, 0, t.of[n])
	for _, e := range t.all {
		if e.node == n {
			e.lease.End()
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
	if first := t.byKey[e.key]; first != e {
		for first.next != e {
			first = first.next
		}
		first.next = e.next
	} else if e.next != nil {
		t.byKey[e.key] = e.next
	} else {
		delete(t.byKey, e.key)
	}
	e.next = nil
	if t.of[e.node]--; t.of[e.node] <= 0 {
		delete(t.of, e.node)
	}
}
