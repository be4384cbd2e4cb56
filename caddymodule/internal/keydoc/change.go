// change.go: a change, under the storage's lock.

package keydoc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
)

// Change reads the document under the storage's lock, lets edit make another one of
// it, writes that and takes over what the storage then holds. So nobody uses a key
// that other nodes cannot learn. Storage locks can fail in rare cases; reading back
// makes all nodes end with the same document even then.
//
// edit is given a T of its own, whose parts are shared: it must not change them. When
// it reports no change, nothing is written. An absent document is ErrAbsent, and with
// create the zero T.
func (d *Document[T]) Change(ctx context.Context, create bool, edit func(T) (T, bool, error)) (err error) {
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	select {
	case d.busy <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("waiting for another use of the %s: %w", d.form.What, ctx.Err())
	}
	defer func() { <-d.busy }()

	if err := d.form.Storage.Lock(ctx, d.form.Lock); err != nil {
		return fmt.Errorf("locking the %s in storage: %w", d.form.What, err)
	}
	defer func() {
		// Also when ctx has ended, or the lock would stay.
		unlockCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storageTimeout)
		defer cancel()
		uerr := d.form.Storage.Unlock(unlockCtx, d.form.Lock)
		if uerr != nil && !errors.Is(uerr, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("unlocking the %s in storage: %w", d.form.What, uerr))
		}
	}()

	c, err := d.load(ctx, d.held.Load())
	if err != nil {
		if !create || !errors.Is(err, ErrAbsent) {
			return err
		}
		c = new(content[T])
	}
	next, changed, err := edit(c.value)
	if err != nil {
		return err
	}
	if changed {
		if c, err = d.write(ctx, next); err != nil {
			return err
		}
	}
	d.held.Store(c)
	return nil
}

// write returns what storage holds afterwards.
func (d *Document[T]) write(ctx context.Context, next T) (*content[T], error) {
	data, err := d.form.Encode(next)
	if err != nil {
		return nil, err
	}
	// Never write what nobody could read: a clock at 1970 is enough for that.
	written := &content[T]{digest: sha256.Sum256(data)}
	if written.value, err = d.form.Decode(data, next); err != nil {
		return nil, fmt.Errorf("%s not written to storage: %w", d.form.What, err)
	}
	if err := d.form.Storage.Store(ctx, d.form.Path, data); err != nil {
		return nil, fmt.Errorf("writing %s %s to storage: %w", d.form.What, d.form.Path, err)
	}
	return d.load(ctx, written)
}
