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
// session: an attacker who could only write to the store must not log anybody in, and
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
	return m.seal(ctx, "session", recordKey(s.ID), value)
}

// openSession unseals and decodes a record, and refuses one that is not the
// session of its key: a store (or its client library) that mixes up answers must
// not log somebody in as another (CVE-2025-29923).
func (m *Manager) openSession(ctx context.Context, rec Record) (*Session, error) {
	value, err := m.unseal(ctx, "session", rec.Key, rec.Value)
	if err != nil {
		return nil, err
	}
	s, err := decode(value, rec.Key)
	if err != nil {
		return nil, err
	}
	user := userKey(s.AppID, s.OpenID)
	if rec.User != "" && rec.User != user || len(rec.Key) > userLen && rec.Key[:userLen] != user {
		return nil, ErrForged
	}
	return s, nil
}

// value is Store.Value, unsealed. One that is damaged is absent.
func (m *Manager) value(ctx context.Context, key string) ([]byte, error) {
	value, err := m.store.Value(ctx, key)
	if err == nil {
		value, err = m.unseal(ctx, "value", key, value)
	}
	if err != nil {
		return nil, m.absent("value", key, err)
	}
	return value, nil
}

// updateValue is Store.UpdateValue over sealed values.
func (m *Manager) updateValue(ctx context.Context, key string, until time.Time, change func(old []byte) ([]byte, error)) error {
	return m.store.UpdateValue(ctx, key, until, m.sealing(ctx, key, change))
}

// sealing makes of a change of a value one of its sealed form. An old value that
// does not open counts as none: a new one takes its place.
func (m *Manager) sealing(ctx context.Context, key string, change func(old []byte) ([]byte, error)) func([]byte) ([]byte, error) {
	return func(sealed []byte) ([]byte, error) {
		var old []byte
		if sealed != nil {
			opened, err := m.unseal(ctx, "value", key, sealed)
			if err = m.absent("value", key, err); err != nil && !errors.Is(err, ErrNotFound) {
				return nil, err
			}
			old = opened
		}
		value, err := change(old)
		if value == nil || err != nil {
			return nil, err
		}
		return m.seal(ctx, "value", key, value)
	}
}
