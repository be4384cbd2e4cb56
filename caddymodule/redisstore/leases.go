// leases.go: which handed out leases depend on which keys of which server.

package redisstore

import (
	"hash/maphash"
	"sync"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

const (
	// maxLeases bounds the table. Beyond it some lease ends early, which costs its
	// holder one more Get.
	maxLeases = 1 << 16

	locatorKey, recordKey, epochKey = 0, 1, 2
)

// leases ends leases. An entry is in the table before the first read that it
// depends on is sent: whatever Redis says about a key after it was read finds
// the entry, however late the reader is to look at the answer.
type leases struct {
	mu    sync.Mutex
	seed  maphash.Seed
	all   map[*entry]struct{}
	byKey map[string][]*entry
}

// entry is one Get, and after it a lease that lives.
type entry struct {
	lease   session.Lease
	keys    [3]string // locator, record, epoch; what is known so far
	nodes   [2]*node  // of the locator, of the other two
	frame   uint64    // hash of what was read
	settled bool
	gone    bool // removed from the table, and the lease is over
}

func newLeases() *leases {
	return &leases{seed: maphash.MakeSeed(), all: make(map[*entry]struct{}), byKey: make(map[string][]*entry)}
}

// begin enters a Get that is about to read the locator from n.
func (t *leases) begin(locator string, n *node) *entry {
	e := &entry{}
	e.keys[locatorKey], e.nodes[0] = locator, n
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) >= maxLeases {
		for old := range t.all {
			t.remove(old)
			break
		}
	}
	t.all[e] = struct{}{}
	t.byKey[locator] = append(t.byKey[locator], e)
	return e
}

// extend adds the keys that are about to be read from n.
func (t *leases) extend(e *entry, record, epoch string, n *node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.gone {
		return
	}
	e.keys[recordKey], e.keys[epochKey], e.nodes[1] = record, epoch, n
	t.byKey[record] = append(t.byKey[record], e)
	t.byKey[epoch] = append(t.byKey[epoch], e)
}

// settle returns the lease for the frame that was read. Readers of one version
// share the lease of the first.
func (t *leases) settle(e *entry, frame string) *session.Lease {
	hash := maphash.String(t.seed, frame)
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.gone {
		return &e.lease
	}
	for _, other := range t.byKey[e.keys[recordKey]] {
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
		for len(t.byKey[key]) > 0 {
			t.remove(t.byKey[key][0])
		}
	}
}

// endNode ends all leases that depend on a server.
func (t *leases) endNode(n *node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for e := range t.all {
		if e.nodes[0] == n || e.nodes[1] == n {
			t.remove(e)
		}
	}
}

// remove ends an entry's lease and forgets it.
func (t *leases) remove(e *entry) {
	if e.gone {
		return
	}
	e.gone = true
	e.lease.End()
	delete(t.all, e)
	for _, key := range e.keys {
		list := t.byKey[key]
		for i, have := range list {
			if have == e {
				list[i] = list[len(list)-1]
				list[len(list)-1] = nil
				list = list[:len(list)-1]
				break
			}
		}
		if len(list) == 0 {
			delete(t.byKey, key)
		} else {
			t.byKey[key] = list
		}
	}
}
