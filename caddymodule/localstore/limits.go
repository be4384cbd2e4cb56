// limits.go: how much a database may hold.

package localstore

import (
	"slices"
	"sync"
	"sync/atomic"
)

const (
	defaultMaxSessions = 1_000_000

	// minEntries keeps a low max_sessions from refusing logins for want of
	// marks: those of failed logins count as well, and live ten minutes.
	minEntries = 100_000

	// bytesPerEntry and minBytes bound what the values of one kind together may
	// weigh. A session has about 200 bytes, one with user info about 500.
	bytesPerEntry = 1 << 10
	minBytes      = 16 << 20

	// maxValue is the largest value that session.Store asks for, and what sealing adds.
	maxValue = 64<<10 + 256

	// maxKey is more than any key of the manager's has.
	maxKey = 64
)

// Limits bound a database. Expired entries never count, swept or not.
type Limits struct {
	// How many sessions may be live. As many marks of redeemed codes and twice
	// as many shared values may stand, both at least 100000. All values of one
	// kind together may hold 1 KiB for each entry, and at least 16 MiB.
	// Default: 1000000.
	Sessions int
}

// bounds are the limits of each kind in force.
type bounds map[kind]amount

func (l Limits) bounds() bounds {
	n := l.Sessions
	if n <= 0 {
		n = defaultMaxSessions
	}
	of := func(entries int) amount {
		return amount{entries: int64(entries), bytes: max(int64(entries)*bytesPerEntry, minBytes)}
	}
	return bounds{
		kindSession: of(n),
		kindMark:    of(max(n, minEntries)),
		kindValue:   of(max(2*n, minEntries)),
	}
}

// tuning is which bounds are in force: those of the newest configuration that
// uses a database. They are no part of the file's identity.
type tuning struct {
	mu      sync.Mutex
	tunes   []*bounds // of all configurations that use the database, the newest last
	inForce atomic.Pointer[bounds]
}

func newTuning() *tuning {
	t := new(tuning)
	t.inForce.Store(new(Limits{}.bounds()))
	return t
}

// tune puts bounds in force until they are dropped or newer ones come.
func (t *tuning) tune(b *bounds) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tunes = append(t.tunes, b)
	t.inForce.Store(b)
}

// untune drops bounds; those of the newest configuration that is left apply, so
// that a reload that failed leaves no trace.
func (t *tuning) untune(b *bounds) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tunes = slices.DeleteFunc(t.tunes, func(have *bounds) bool { return have == b })
	if n := len(t.tunes); n > 0 {
		t.inForce.Store(t.tunes[n-1])
	}
}
