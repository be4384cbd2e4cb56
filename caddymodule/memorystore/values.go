// values.go: the calls about marks and shared values.

package memorystore

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Mark sets a mark unless it is set. One that would be over at once is not
// set, and takes none away: that would let a code be redeemed twice.
func (t *table) Mark(ctx context.Context, key string, until time.Time) (first bool, err error) {
	s := t.marks
	err = t.retry(ctx, s, func() error {
		sh := s.lock(key)
		defer sh.mu.Unlock()
		now := s.now()
		old := sh.first(key)
		switch {
		case old != nil && old.live(now), !now.before(until):
			return nil
		case old != nil:
			s.end(sh, old)
		}
		if !s.take(1, 0, boundOf(t.limits.Load().Marks)) {
			return session.ErrFull
		}
		s.insert(sh, newEntry(strings.Clone(key), nil, now, until))
		first = true
		return nil
	})
	return first, err
}

// Value returns a shared value, or session.ErrNotFound.
func (t *table) Value(ctx context.Context, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e := t.values.get(key)
	if e == nil {
		return nil, session.ErrNotFound
	}
	return e.value, nil
}

// UpdateValue sets, changes or deletes a shared value. change runs under no
// lock, and again when somebody else was faster.
func (t *table) UpdateValue(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
	s := t.values
	return t.retry(ctx, s, func() error {
		old := s.get(key)
		var before []byte
		if old != nil {
			before = old.value
		}
		value, err := change(before)
		if err != nil {
			return err
		}
		if len(value) > maxValue {
			return errTooLarge
		}
		sh := s.lock(key)
		defer sh.mu.Unlock()
		now := s.now()
		have := sh.first(key)
		if have != nil && have != old && !have.live(now) {
			s.end(sh, have) // expired before change was told that there is none
			have = nil
		}
		if have != old {
			return errMoved
		}
		keep := value != nil && now.before(until)
		entries, size := int64(1), int64(len(value))
		if have != nil {
			entries, size = 0, size-int64(len(have.value))
		}
		switch {
		case keep && !s.take(entries, size, boundOf(t.limits.Load().Values)):
			return session.ErrFull
		case keep && have != nil:
			s.replace(sh, have, newEntry(have.key, bytes.Clone(value), now, until))
		case keep:
			s.insert(sh, newEntry(strings.Clone(key), bytes.Clone(value), now, until))
		case have != nil:
			s.end(sh, have)
		}
		return nil
	})
}
