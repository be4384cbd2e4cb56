// values.go: the calls about marks and shared values.

package localstore

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Mark sets a mark unless it stands. One that would not stand at all is not
// set, and takes none away: that would let a code be redeemed twice.
func (d *DB) Mark(ctx context.Context, key string, until time.Time) (bool, error) {
	if !validKey(key) {
		return false, errKey
	}
	first, expires := new(bool), stamp(until)
	err := d.write(ctx, func(t *txn) (err error) {
		*first, err = t.mark(key, expires)
		return err
	})
	if err != nil {
		return false, err // the writer may still be at it
	}
	return *first, nil
}

func (t *txn) mark(key string, expires int64) (first bool, err error) {
	t.reclaim(kindMark, 1, 0)
	old, err := t.small(kindMark, key)
	switch {
	case err == nil && (old.due.at > t.now || expires <= t.now):
		return false, nil
	case err == nil:
		t.dropSmall(kindMark, key, old)
	case !errors.Is(err, session.ErrNotFound):
		return false, err
	case expires <= t.now:
		return false, nil
	case !t.room(kindMark, 1, 0):
		return false, session.ErrFull
	}
	t.putSmall(kindMark, key, expires, nil)
	return true, nil
}

// Value returns a shared value, or session.ErrNotFound. It is read from the file.
func (d *DB) Value(ctx context.Context, key string) (value []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = d.read(func(v view) error {
		found, err := v.small(kindValue, key)
		if err != nil {
			return err
		}
		if found.due.at <= d.now() {
			return session.ErrNotFound
		}
		value = append(make([]byte, 0, len(found.value)), found.value...)
		return nil
	})
	return value, err
}

// UpdateValue sets, changes or deletes a shared value. change runs as that of
// Update does.
func (d *DB) UpdateValue(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
	if !validKey(key) {
		return errKey
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var before, present []byte // as it is stored, nil when it is not; and as it counts
		err := d.read(func(v view) error {
			old, err := v.small(kindValue, key)
			if err != nil {
				return err
			}
			if before = old.payload(); old.due.at > d.now() {
				present = bytes.Clone(before[dueSize:])
			}
			return nil
		})
		if err != nil && !errors.Is(err, session.ErrNotFound) {
			return err
		}
		value, err := change(present)
		if err != nil {
			return err
		}
		if len(value) > maxValue {
			return errTooLarge
		}
		keep, value := value != nil, bytes.Clone(value)
		err = d.write(ctx, func(t *txn) error {
			return t.updateValue(key, stamp(until), keep, value, before)
		})
		if !errors.Is(err, errMoved) {
			return err
		}
	}
}

func (t *txn) updateValue(key string, expires int64, keep bool, value, before []byte) error {
	keep = keep && expires > t.now
	if keep {
		t.reclaim(kindValue, 1, len(value))
	}
	old, err := t.small(kindValue, key)
	switch absent := errors.Is(err, session.ErrNotFound); {
	case err != nil && !absent:
		return err
	case absent != (before == nil) || !absent && !bytes.Equal(old.payload(), before):
		return errMoved
	case keep && absent && !t.room(kindValue, 1, len(value)),
		keep && !absent && !t.room(kindValue, 0, len(value)-len(old.value)):
		return session.ErrFull
	case !absent:
		t.dropSmall(kindValue, key, old)
	}
	if keep {
		t.putSmall(kindValue, key, expires, value)
	}
	return nil
}
