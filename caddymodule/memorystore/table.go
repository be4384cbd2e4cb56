// table.go: everything that is kept, its bounds, and its life from New to Close.

package memorystore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/keylock"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// table is what outlives a configuration. It knows none: no logger, no context.
//
// A call holds one shard of one shelf, and go-cache's own lock for a moment. All
// sessions of a user are in one shard: their number changes by one call at a time.
// Functions of callers run under no lock.
type table struct {
	sessions, marks, values *shelf

	limits atomic.Pointer[Limits] // in force

	tuneMu sync.Mutex
	tunes  []*Limits // of all configurations that use the table, the newest last

	keylock.Locks // implement session.Locker

	stop, stopped chan struct{}
}

func newTable() *table {
	t := &table{
		sessions: newShelf(userLen), marks: newShelf(0), values: newShelf(0),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	t.limits.Store(new(Limits{}.withDefaults()))
	go t.sweepEvery(sweepInterval)
	return t
}

// close ends the sweeper. Requests that are still under way find the table as it was.
func (t *table) close() {
	close(t.stop)
	<-t.stopped
}

// tune puts limits in force until they are dropped or newer ones come. They are
// not part of the table's identity: sessions must not end because a number changed.
func (t *table) tune(l *Limits) {
	t.tuneMu.Lock()
	defer t.tuneMu.Unlock()
	t.tunes = append(t.tunes, l)
	t.limits.Store(l)
}

// untune drops limits; those of the newest configuration that is left apply, so
// that a reload that failed leaves no trace.
func (t *table) untune(l *Limits) {
	t.tuneMu.Lock()
	defer t.tuneMu.Unlock()
	t.tunes = slices.DeleteFunc(t.tunes, func(have *Limits) bool { return have == l })
	if n := len(t.tunes); n > 0 {
		t.limits.Store(t.tunes[n-1])
	}
}

// Count implements session.Counter.
func (t *table) Count(context.Context) (map[string]int, error) { return t.sessions.counts(), nil }

// Check implements session.Checker: memory can always be written, up to the limits.
// At one of them, where a new user finds no room, it returns session.ErrFull.
func (t *table) Check(ctx context.Context) error {
	l := t.limits.Load()
	for _, part := range []struct {
		*shelf
		entries int
	}{{t.sessions, l.Sessions}, {t.marks, l.Marks}, {t.values, l.Values}} {
		if err := t.retry(ctx, part.shelf, func() error {
			if !part.room(1, bytesPerEntry, boundOf(part.entries)) {
				return session.ErrFull
			}
			return nil
		}); err != nil {
			return fmt.Errorf("sessions in memory: %w: wait until some expire, or raise max_sessions", err)
		}
	}
	return nil
}

// Volatile implements session.Volatile.
func (t *table) Volatile() {}

// Table is a store without Caddy, for tests, benchmarks and other programs.
type Table struct{ *table }

// New returns an empty table of its own. Close it to end its goroutine.
func New(l Limits) *Table {
	t := newTable()
	t.tune(new(l.withDefaults()))
	return &Table{t}
}

// Close ends the table's goroutine; call it once. What it holds is left to the
// garbage collector.
func (t *Table) Close() error {
	t.close()
	return nil
}

var (
	_ session.Store    = (*Table)(nil)
	_ session.Counter  = (*Table)(nil)
	_ session.Checker  = (*Table)(nil)
	_ session.Locker   = (*Table)(nil)
	_ session.Volatile = (*Table)(nil)
)
