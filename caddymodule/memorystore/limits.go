// limits.go: how much a table may hold.

package memorystore

const (
	defaultMaxSessions = 1_000_000

	// minEntries keeps a low max_sessions from refusing logins for want of
	// marks: those of failed logins count as well, and live ten minutes.
	minEntries = 100_000

	// bytesPerEntry and minBytes bound what the values together may weigh. A
	// session has about 150 bytes, one with user info about 500.
	bytesPerEntry = 1 << 10
	minBytes      = 16 << 20

	// maxValue is the largest value that session.Store asks for.
	maxValue = 64 << 10
)

// Limits bound a table. Expired entries never count, swept or not. All values of
// sessions together, and all shared values together, may hold 1 KiB for each
// entry of their limit, and at least 16 MiB.
type Limits struct {
	// How many sessions may be live. Default: 1000000.
	Sessions int

	// How many marks of redeemed codes may be kept, those of failed logins too.
	// Default: as Sessions, at least 100000.
	Marks int

	// How many shared values may be kept: one for each user who logged in within
	// a session lifetime. Default: twice Sessions, at least 100000.
	Values int
}

func (l Limits) withDefaults() Limits {
	if l.Sessions <= 0 {
		l.Sessions = defaultMaxSessions
	}
	if l.Marks <= 0 {
		l.Marks = max(l.Sessions, minEntries)
	}
	if l.Values <= 0 {
		l.Values = max(2*l.Sessions, minEntries)
	}
	return l
}

// bound is one limit in force: so many entries, so many bytes of values.
type bound struct{ entries, bytes int64 }

func boundOf(entries int) bound {
	return bound{entries: int64(entries), bytes: max(int64(entries)*bytesPerEntry, minBytes)}
}
