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

// sweepEvery sweeps until the database is closed, notices when the file loses its
// name, and tells of damage. A sweep that fails is tried again at the next turn.
func (d *DB) sweepEvery(interval time.Duration) {
	defer close(d.swept)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		d.tell()
		select {
		case <-d.stop:
			return
		case <-tick.C:
			d.sweepOverdue()
		}
	}
}

// sweepOverdue removes what has expired, and looks before each transaction
// whether the file has its name: while it has none, nothing is written.
func (d *DB) sweepOverdue() {
	for limit := sweepBatch; !errors.Is(d.checkName(), errGone) && d.overdue(); {
		n := limit // of this turn: after errSlow it is still to be done
		err := d.write(context.Background(), func(t *txn) error {
			t.sweep(n)
			return nil
		})
		switch {
		case err == nil:
			continue
		case errors.Is(err, errClosed), errors.Is(err, errSlow):
			return
		}
		if limit /= 4; limit < minSweepBatch {
			return
		}
	}
}

// overdue looks whether there is something to sweep, without a write.
func (d *DB) overdue() (due bool) {
	d.read(func(v view) error {
		k, _ := v.bucket(kindEntry).Cursor().First()
		due = len(k) == dueSize && stampOf(k) <= d.now()
		return nil
	})
	return due
}

// sweep removes up to limit expired entries, and tells how many it found.
func (t *txn) sweep(limit int) (n int) {
	for ; n < limit; n++ {
		place, value := t.bucket(kindEntry).Cursor().First()
		if len(place) != dueSize || stampOf(place) > t.now {
			return n
		}
		r, err := recordOf(place, value)
		if err != nil {
			t.loseAt(dueOf(place))
			continue
		}
		if d, ok := t.place(r.kind, r.key); !ok || d != r.due {
			t.remove(place) // left over, nobody has it
			continue
		}
		t.drop(r)
	}
	return n
}
