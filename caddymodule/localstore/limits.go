// limits.go: what a configuration asks of a database: how much it may hold, and who
// hears of damage.

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

// Options are what may differ between the users of one database.
type Options struct {
	// How many sessions may be live. As many marks of redeemed codes and twice
	// as many shared values may be kept, both at least 100000. All values of one
	// kind together may hold 1 KiB for each entry, and at least 16 MiB. Expired
	// entries never count, swept or not.
	// Default: 1000000.
	Sessions int

	// Is called with the number of records that were found damaged since the last
	// call, each counted once, when it was taken out; some seconds later, and not
	// while nothing is wrong. It may take its time, and must not use the database.
	// Default: nobody is told.
	Damaged func(records int)

	// Is called once, soon after a file was opened whose pages were damaged and which
	// was written anew with what was whole, in the way of Damaged.
	// Default: nobody is told.
	Salvaged func(Salvage)
}

// bounds are the limits of each kind in force.
type bounds map[kind]amount

func (o Options) bounds() bounds {
	n := o.Sessions
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

// tune is what one configuration asks for.
type tune struct {
	bounds   bounds
	damaged  func(records int) // may be nil
	salvaged func(Salvage)     // may be nil
}

func (o Options) tune() *tune { return &tune{o.bounds(), o.Damaged, o.Salvaged} }

// tuning is what is in force: what the newest configuration that uses a database
// asks for. It is no part of the file's identity, and nothing of a configuration
// that is gone is called any more.
type tuning struct {
	mu      sync.Mutex
	tunes   []*tune // of all configurations that use the database, the newest last
	inForce atomic.Pointer[tune]
}

func newTuning() *tuning {
	t := new(tuning)
	t.inForce.Store(Options{}.tune())
	return t
}

// tune puts a configuration's wishes in force until they are dropped or newer ones
// come.
func (t *tuning) tune(n *tune) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tunes = append(t.tunes, n)
	t.inForce.Store(n)
}

// untune drops what a configuration asked for; the newest one that is left counts,
// so that a reload that failed leaves no trace. Behind the last one its bounds stay.
func (t *tuning) untune(old *tune) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tunes = slices.DeleteFunc(t.tunes, func(have *tune) bool { return have == old })
	if n := len(t.tunes); n > 0 {
		t.inForce.Store(t.tunes[n-1])
	} else {
		t.inForce.Store(&tune{bounds: old.bounds})
	}
}
