// read.go: reading beside the writer.

package localstore

import (
	"bytes"
	"context"
	"errors"

	"go.etcd.io/bbolt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// read runs f on what was committed last.
func (d *DB) read(f func(view) error) error {
	return guard(func() error {
		return d.bolt.View(func(tx *bbolt.Tx) error {
			return f(view{tx: tx})
		})
	})
}

// look is read for f that asks the index, too. The two may be a commit apart: the
// file may not have an entry yet that the index has, or have it no more. So f
// runs again when that commit is over. Each of the two can happen once to an
// entry in one place; what is missing there a third time is lost.
func (d *DB) look(ctx context.Context, f func(view) error) error {
	var last missing
	lost := make(map[due]bool)
	for again := 0; ; again++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := d.read(func(v view) error {
			v.lost = lost
			return f(v)
		})
		var gone missing
		if !errors.As(err, &gone) {
			return err
		}
		if gone != last {
			last, again = gone, 0
		}
		if again == 2 {
			lost[gone.due] = true
			continue
		}
		if err := d.write(ctx, func(*txn) error { return nil }); err != nil { // behind what is being committed
			return err
		}
	}
}

// find reads an entry, expired or not. Its value is the caller's. One that is
// damaged is absent.
func (d *DB) find(ctx context.Context, k kind, key string) (r record, err error) {
	if _, ok := d.index.place(k, key); !ok {
		return record{}, d.absent(ctx)
	}
	err = d.look(ctx, func(v view) error {
		place, ok := d.index.place(k, key)
		if !ok {
			return session.ErrNotFound
		}
		found, err := v.entryOf(k, key, place)
		r, r.value = found, bytes.Clone(found.value)
		return err
	})
	if errors.Is(err, errRecord) {
		d.takeOut(ctx, k, key)
		return record{}, session.ErrNotFound
	}
	return r, err
}

// absent is what is said of an entry that the index does not have, which is known without
// the file.
func (d *DB) absent(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-d.stopped:
		return errClosed
	default:
		return session.ErrNotFound
	}
}
