// lease.go: whether what was read from a store is still true, without asking again.

package session

import (
	"sync/atomic"
	"time"
)

// Lease tells, without asking the store again, whether a record that Get
// returned is still what the store holds. Its zero value is alive.
// It is safe for concurrent use. Every session in memory has one: it is one word.
type Lease struct {
	kept atomic.Pointer[Kept] // who wants to be told; ended when there is nothing to tell any more
}

// ended is what every lease that is over has.
var ended = new(Kept)

// End says that the record behind the lease was deleted, replaced, pushed out
// or may have been. A lease never comes back to life.
func (l *Lease) End() {
	if k := l.kept.Swap(ended); k != nil && k != ended {
		k.over.Store(true)
	}
}

// Live reports whether the record was, as far as this process can know,
// neither changed nor ended since. It does not look at the record's expiry.
func (l *Lease) Live() bool { return l.kept.Load() != ended }

// keep lets k end with the lease. A lease has one Kept at a time: the one before
// is over, so that a caller who still uses it asks again, and no lease gathers more
// and more of them.
func (l *Lease) keep(k *Kept) {
	for {
		switch before := l.kept.Load(); {
		case before == ended:
			k.over.Store(true)
			return
		case l.kept.CompareAndSwap(before, k):
			if before != nil && before != k {
				before.over.Store(true)
			}
			return
		}
	}
}

// Handle is a session as it was when it was read, and a way to see whether it
// is still so without asking the store. Copies of a Handle are the same handle.
type Handle struct {
	*Session
	lease *Lease
}

// Live reports whether the session is still there, unchanged, at the given time.
// After false, ask Manager.Get again: it may have been changed, not ended.
func (h *Handle) Live(now time.Time) bool {
	return h.lease.Live() && now.Before(h.ExpiresAt)
}

// Keep makes k a handle of the same session. It ends the Kept that an earlier
// Keep of the same lease made. k must be new.
func (h *Handle) Keep(k *Kept) {
	k.Session, k.expires = h.Session, h.ExpiresAt.UnixMilli()
	h.lease.keep(k)
}

// Kept is a handle for who looks at it for every request, as a field of what is
// looked at anyway: with a million users the lease and the session would be two
// more waits for memory. It must not be copied.
type Kept struct {
	over    atomic.Bool
	expires int64 // Session.ExpiresAt in Unix milliseconds
	*Session
}

// Live reports what Handle.Live does.
func (k *Kept) Live(now time.Time) bool {
	return !k.over.Load() && now.UnixMilli() < k.expires
}
