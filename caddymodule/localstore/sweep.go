// sweep.go: what has expired leaves the file; bbolt uses its pages again.

package localstore

import (
	"context"
	"errors"
	"time"
)

const (
	// sweepInterval bounds how long an expired entry stays in the file. Whether
	// it is seen does not depend on it.
	sweepInterval = 5 * time.Second

	// sweepBatch entries go in one transaction: a login that meets it waits some
	// milliseconds. On a full disk less room is at hand to write with.
	sweepBatch    = 256
	minSweepBatch = 4
)

// sweepEvery sweeps until the database is closed. A sweep that fails is tried
// again at the next turn.
func (d *DB) sweepEvery(interval time.Duration) {
	defer close(d.swept)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-tick.C:
			for limit := sweepBatch; d.overdue(); {
				if err := d.write(context.Background(), func(t *txn) error {
					t.sweep(limit)
					return nil
				}); err != nil {
					if limit /= 4; limit < minSweepBatch || errors.Is(err, errClosed) {
						break
					}
				}
			}
		}
	}
}

// overdue looks whether there is something to sweep, without a write.
func (d *DB) overdue() (due bool) {
	d.read(func(v view) error {
		k, _ := v.bucket(kindDue).Cursor().First()
		due = len(k) >= 8 && stampOf(k) <= d.now()
		return nil
	})
	return due
}

// sweep removes up to limit expired entries, and tells how many it found.
func (t *txn) sweep(limit int) (n int) {
	for ; n < limit; n++ {
		k, v := t.bucket(kindDue).Cursor().First()
		if len(k) != dueSize || stampOf(k) > t.now {
			return n
		}
		d := dueOf(k)
		if what, err := unseal(kindDue, k, v); err == nil && len(what) > 0 {
			t.expire(kind(what[0]), string(what[1:]), d)
		}
		t.unschedule(d)
	}
	return n
}

// expire removes an entry if it is the one that was to expire then.
func (t *txn) expire(k kind, key string, d due) {
	var err error
	if k == kindSession {
		var r record
		if r, err = t.record(key); err == nil && r.due == d {
			t.dropRecord(key, r)
		}
	} else {
		var s small
		if s, err = t.small(k, key); err == nil && s.due == d {
			t.dropSmall(k, key, s)
		}
	}
	if errors.Is(err, errDamaged) && t.bucket(k).Get([]byte(key)) != nil {
		// nobody will ever read it; which index entry it has, nobody knows
		t.drop(k, []byte(key))
		t.count(k, -1, 0)
		t.after = append(t.after, change{key, nil})
	}
}
