// writer.go: group commit. Writes that meet share one transaction and its sync.

package localstore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

const (
	// queueLength bounds what waits for the writer beside its callers, and
	// batchLength what shares a commit.
	queueLength = 1024
	batchLength = 512

	// maxGather bounds how long a commit waits for company.
	maxGather = 2 * time.Millisecond

	// maxWait ends a call that the disk does not answer, whatever its context
	// allows: a login that hangs is worse than one that is answered 503.
	maxWait = 2 * time.Second
)

var (
	errClosed = errors.New("the session file is closed")
	errSlow   = fmt.Errorf("the disk did not take a write within %v", maxWait)

	// errMoved is an operation's answer when what it was based on has changed.
	errMoved = errors.New("the entry was changed meanwhile")
)

// op is one write. apply runs in the writer's goroutine, and again when a
// transaction that others share with it had to be given up. When it returns an
// error it has written nothing that must not be kept.
type op struct {
	ctx   context.Context
	apply func(*txn) error
	err   error
	done  chan error // of length one: nobody may be waiting any more
}

// write runs apply in a transaction and returns when that is on disk. When the
// caller gives up first, the outcome is unknown: the write happens as a whole or not at
// all, and what apply captured must not be read.
func (d *DB) write(ctx context.Context, apply func(*txn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	wait := time.NewTimer(maxWait)
	defer wait.Stop()
	o := &op{ctx: ctx, apply: apply, done: make(chan error, 1)}
	queue := d.queue
	for {
		select {
		case queue <- o:
			queue = nil
		case err := <-o.done:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-wait.C:
			return errSlow
		case <-d.stopped:
			select {
			case err := <-o.done:
				return err
			default:
				return errClosed
			}
		}
	}
}

// writeAll is the writer's goroutine.
func (d *DB) writeAll() {
	defer close(d.stopped)
	batch := make([]*op, 0, batchLength)
	var took time.Duration
	for {
		last := len(batch)
		clear(batch)
		batch = batch[:0]
		select {
		case <-d.stop:
			return
		case o := <-d.queue:
			batch = append(batch, o)
		}
		batch = d.gather(batch, last, min(took/2, maxGather))
		start := time.Now()
		d.commit(batch)
		took = time.Since(start)
	}
}

// gather adds what waits to a batch. Those whose writes have just been committed
// come back a moment later, in a login with its next write: if there were many,
// it waits for as many again, or else half of them would just miss each commit.
func (d *DB) gather(batch []*op, last int, wait time.Duration) []*op {
	var enough <-chan time.Time
	for len(batch) < batchLength {
		select {
		case o := <-d.queue:
			batch = append(batch, o)
			continue
		default:
		}
		if len(batch) >= last {
			break
		}
		if enough == nil {
			enough = time.After(wait)
		}
		select {
		case o := <-d.queue:
			batch = append(batch, o)
		case <-enough:
			return batch
		case <-d.stop:
			return batch
		}
	}
	return batch
}

// commit brings the operations to disk and tells their callers. One that spoils
// the transaction is tried alone, so that it fails alone.
func (d *DB) commit(batch []*op) {
	err := d.transact(batch)
	if _, spoiled := err.(spoiled); spoiled && len(batch) > 1 {
		for i := range batch {
			d.commit(batch[i : i+1])
		}
		return
	}
	for _, o := range batch {
		if err != nil {
			o.err = err
		}
		o.done <- o.err
	}
}

// spoiled is an error of a transaction that was given up before its commit.
type spoiled struct{ error }

// Unwrap returns what went wrong.
func (s spoiled) Unwrap() error { return s.error }

// transact applies the operations and commits. On an error nothing of them is
// acknowledged, and the cache forgets what they may have changed.
func (d *DB) transact(batch []*op) (err error) {
	t := d.newTxn()
	number := 0 // of the transaction, once it may be in the file
	err = guard(func() error {
		tx, err := d.bolt.Begin(true)
		if err != nil {
			return err
		}
		defer func() {
			if tx.DB() != nil { // neither committed nor rolled back
				tx.Rollback()
			}
		}()
		t.view = view{tx: tx}
		for _, o := range batch {
			if o.err = o.ctx.Err(); o.err == nil {
				o.err = applySafely(o, t)
			}
		}
		if t.err != nil {
			return spoiled{t.err}
		}
		// after a failed commit, what is seen may not be on disk: even an answer
		// that changes nothing ("it is gone") has to be made durable
		if !t.wrote && !d.unsure {
			return nil
		}
		if d.gone.Load() {
			return spoiled{explain(d.file, errGone)}
		}
		d.unsure, number = true, tx.ID()
		switch err := guard(tx.Commit).(type) {
		case nil:
			d.unsure = false
			return nil
		case unreadable: // while pages were put together, before any was written
			return spoiled{err}
		default:
			return fmt.Errorf("writing the session file: %w", err)
		}
	})
	if err == nil || number != 0 && d.inFile(number) {
		d.index.apply(&t.delta)
		d.lost.Add(int64(len(t.lost)))
	}
	for _, i := range t.lost {
		d.cache.forget(i)
	}
	for _, c := range t.after {
		if err != nil {
			c.e = nil
		}
		d.cache.change(c.key, c.e)
	}
	return err
}

// inFile reports whether a transaction whose commit has failed is what the file
// shows all the same, on disk or not.
func (d *DB) inFile(number int) (there bool) {
	d.read(func(v view) error {
		there = v.tx.ID() >= number
		return nil
	})
	return there
}

// applySafely runs an operation; a page that cannot be read spoils the
// transaction, because it is not known how far the operation came.
func applySafely(o *op, t *txn) error {
	err := guard(func() error { return o.apply(t) })
	if d, ok := err.(unreadable); ok {
		t.fail(d.error)
	}
	return err
}

// unreadable is how guard tells a fault from an error.
type unreadable struct{ error }

// Unwrap returns errDamaged.
func (u unreadable) Unwrap() error { return u.error }

// guard runs f, which touches the file. bbolt takes what it reads for good: it
// panics on a page that makes no sense, and the mapped file faults where the
// disk cannot be read. Neither may end the process.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = unreadable{fmt.Errorf("%w: %T", errDamaged, p)} // its text may quote the file
		}
	}()
	return f()
}
