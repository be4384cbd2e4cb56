// values.go: the calls about marks and shared values.

package memorystore

import (
	"bytes"
	"context"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Mark sets a mark unless it is set. One that would be over at once is not
// set, and takes none away: that would let a code be redeemed twice.
func (t *table) Mark(ctx context.Context, key string, until time.Time) (first bool, err error) {
	err = t.retry(ctx, t.marks, func() error {
		now := time.Now()
		old := t.marks.peek(key)
		if old != nil && old.live(now) || !now.Before(until) {
			return nil
		}
		var entries int64 = 1
		if old != nil {
			entries = 0
		}
		if err := t.marks.put(newEntry(key, nil, now, until), old, entries, 0, boundOf(t.limits.Load().Marks)); err != nil {
			return err
		}
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
	e := t.values.get(key, time.Now())
	if e == nil {
		return nil, session.ErrNotFound
	}
	return e.value, nil
}

// UpdateValue sets, changes or deletes a shared value. change runs under no
// lock, and again when somebody else was faster.
func (t *table) UpdateValue(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
	return t.retry(ctx, t.values, func() error {
		old := t.values.peek(key)
		var before []byte
		if old != nil && old.live(time.Now()) {
			before = old.value
		}
		value, err := change(before)
		if err != nil {
			return err
		}
		if len(value) > maxValue {
			return errTooLarge
		}
		now := time.Now()
		if value == nil || !now.Before(until) {
			if old != nil && !t.drop(t.values, old) {
				return errMoved
			}
			if old == nil && t.values.get(key, now) != nil {
				return errMoved // set since change was told that there is none
			}
			return nil
		}
		entries, size := int64(1), int64(len(value))
		if old != nil {
			entries, size = 0, size-int64(len(old.value))
		}
		return t.values.put(newEntry(key, bytes.Clone(value), now, until), old, entries, size, boundOf(t.limits.Load().Values))
	})
}
