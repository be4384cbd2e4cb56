// values.go: the calls about marks and shared values.

package localstore

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Mark sets a mark unless it is set. One that would be over at once is not
// set, and takes none away: that would let a code be redeemed twice.
func (d *DB) Mark(ctx context.Context, key string, until time.Time) (bool, error) {
	if !validKey(key) {
		return false, errKey
	}
	first, expires := new(bool), stamp(until)
	err := d.write(ctx, func(t *txn) (err error) {
		*first, err = t.setMark(key, expires)
		return err
	})
	if err != nil {
		return false, err // the writer may still be at it
	}
	return *first, nil
}

// setMark asks the index alone: whether a mark is set, and until when, is known there even
// when the disk has damaged it.
func (t *txn) setMark(key string, expires int64) (first bool, err error) {
	t.reclaim(kindMark, 1, 0)
	old, stands := t.place(kindMark, key)
	switch {
	case stands && old.at > t.now, expires <= t.now:
		return false, nil
	case stands:
		t.drop(record{kind: kindMark, due: old, key: key})
	case !t.room(kindMark, 1, 0):
		return false, session.ErrFull
	}
	t.add(record{kind: kindMark, due: due{at: expires}, key: key})
	return true, nil
}

// Value returns a shared value, or session.ErrNotFound. It is read from the file.
func (d *DB) Value(ctx context.Context, key string) (value []byte, err error) {
	r, err := d.find(ctx, kindValue, key)
	if err == nil && r.due.at <= d.now() {
		err = session.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return r.value, nil
}

// UpdateValue sets, changes or deletes a shared value. change runs as that of
// Update does.
func (d *DB) UpdateValue(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
	if !validKey(key) {
		return errKey
	}
	for {
		old, err := d.find(ctx, kindValue, key)
		if err != nil && !errors.Is(err, session.ErrNotFound) {
			return err
		}
		var present []byte
		if err == nil && old.due.at > d.now() {
			present = old.value
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
			return t.updateValue(record{kind: kindValue, due: due{at: stamp(until)}, key: key, value: value}, keep, old.due)
		})
		if !errors.Is(err, errMoved) {
			return err
		}
	}
}

// updateValue puts a value in the place of the one that is there, if that is
// still where the caller has read it.
func (t *txn) updateValue(r record, keep bool, before due) error {
	keep = keep && r.due.at > t.now
	if keep {
		t.reclaim(kindValue, 1, len(r.value))
	}
	old, err := t.record(kindValue, r.key)
	switch absent := errors.Is(err, session.ErrNotFound); {
	case err != nil && !absent:
		return err
	case old.due != before:
		return errMoved
	case keep && absent && !t.room(kindValue, 1, len(r.value)),
		keep && !absent && !t.room(kindValue, 0, len(r.value)-len(old.value)):
		return session.ErrFull
	case !absent:
		t.drop(old)
	}
	if keep {
		t.add(r)
	}
	return nil
}
