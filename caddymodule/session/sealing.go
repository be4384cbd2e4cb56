// sealing.go: what the manager does to values on their way to a store and back.

package session

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrForged means that what the store holds under a key is not what the gateway
// wrote there: it was edited, moved from another key, or sealed by a key that
// the gateway has no more. It wraps ErrNotFound, because such a record is no
// session: whoever could only write to the store must not log anybody in, and
// users whose records were lost must be asked to log in again.
var ErrForged = fmt.Errorf("%w: the record is not one that this gateway wrote", ErrNotFound)

// Sealer encrypts and authenticates values at rest. The associated text is not
// stored; a value opens only with the one it was sealed with.
type Sealer interface {
	Seal(ctx context.Context, plaintext, associated []byte) ([]byte, error)

	// Open returns ErrForged, wrapped or bare, for what Seal did not make. Any
	// other error means that it could not be found out.
	Open(ctx context.Context, sealed, associated []byte) ([]byte, error)
}

// seal prepares a value for the store. The kind and the store key are bound to
// it, so that it is worth nothing under another key.
func (m *Manager) seal(ctx context.Context, kind, key string, value []byte) ([]byte, error) {
	if m.opts.Sealer == nil {
		return value, nil
	}
	return m.opts.Sealer.Seal(ctx, value, []byte(kind+" "+key))
}

func (m *Manager) unseal(ctx context.Context, kind, key string, value []byte) ([]byte, error) {
	if m.opts.Sealer == nil {
		return value, nil
	}
	return m.opts.Sealer.Open(ctx, value, []byte(kind+" "+key))
}

func (m *Manager) sealSession(ctx context.Context, s *Session) ([]byte, error) {
	value, err := s.encode()
	if err != nil {
		return nil, err
	}
	return m.seal(ctx, "session", storeKey("session", s.ID), value)
}

// unsealSession opens a record's value and holds it against the id it is
// expected to have.
func (m *Manager) unsealSession(ctx context.Context, value []byte, id string) (*Session, error) {
	s, err := m.unsealRecord(ctx, Record{Key: storeKey("session", id), Value: value})
	if err == nil && s.ID != id {
		err = ErrForged
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// unsealRecord opens a record by its own key.
func (m *Manager) unsealRecord(ctx context.Context, rec Record) (*Session, error) {
	value, err := m.unseal(ctx, "session", rec.Key, rec.Value)
	if err != nil {
		return nil, err
	}
	s, err := decode(value)
	if err != nil {
		return nil, err
	}
	if rec.Key != storeKey("session", s.ID) {
		return nil, ErrForged
	}
	return s, nil
}

// value is Store.Value, unsealed.
func (m *Manager) value(ctx context.Context, key string) ([]byte, error) {
	sealed, err := m.store.Value(ctx, key)
	if err != nil {
		return nil, err
	}
	return m.unseal(ctx, "value", key, sealed)
}

// updateValue is Store.UpdateValue over sealed values. An old value that does
// not open counts as none: a new one takes its place.
func (m *Manager) updateValue(ctx context.Context, key string, until time.Time, change func(old []byte) ([]byte, error)) error {
	return m.store.UpdateValue(ctx, key, until, func(sealed []byte) ([]byte, error) {
		var old []byte
		if sealed != nil {
			opened, err := m.unseal(ctx, "value", key, sealed)
			if err != nil && !errors.Is(err, ErrForged) {
				return nil, err
			}
			old = opened
		}
		value, err := change(old)
		if value == nil || err != nil {
			return nil, err
		}
		return m.seal(ctx, "value", key, value)
	})
}
