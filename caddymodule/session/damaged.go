// damaged.go: what nobody can read is told to the operator, once.

package session

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// How much is told and how long it is remembered: after the loss of a sealing key
// every session is damaged, and the operator needs no million lines to know.
const (
	maxTold = 100
	toldFor = time.Hour
)

// told remembers what the operator was told of.
type told struct {
	mu    sync.Mutex
	names map[string]bool
	since time.Time
}

// absent makes of damage what callers are to see, an absence, and tells the
// operator. Every other error, and nil, stays what it is.
func (m *Manager) absent(what, key string, err error) error {
	if !errors.Is(err, ErrForged) {
		return err
	}
	if m.opts.Damaged != nil {
		if text := m.told.text(what, key, m.opts.Now()); text != "" {
			m.opts.Damaged(text)
		}
	}
	return ErrNotFound
}

// text returns what to tell of the damage, or "" for nothing.
func (t *told) text(what, key string, now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.names == nil || now.Sub(t.since) >= toldFor || now.Before(t.since) {
		t.names, t.since = make(map[string]bool), now
	}
	name := what + " " + key
	if t.names[name] || len(t.names) > maxTold {
		return ""
	}
	t.names[name] = true
	if len(t.names) > maxTold {
		return fmt.Sprintf("more than %d damaged records: no more of them are told for an hour; was a seal key lost?", maxTold)
	}
	return fmt.Sprintf("the %s that the store has under %s is damaged, sealed by a key that is lost, or was moved there: it counts as absent", what, key)
}
