// find.go: looking for a key that is not known here yet.

package keydoc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// findInterval is the least time from the end of one look into storage to the
	// next, whatever is asked for.
	findInterval = time.Second

	// findTimeout bounds one look: a request waits for it.
	findTimeout = 5 * time.Second

	// maxMissing bounds the ids that are remembered as nobody's.
	maxMissing = 1024

	// maxWaiting bounds the calls that wait for a look: each is a request.
	maxWaiting = 4096
)

// ErrBusy is the answer of Find when too many calls wait for an answer already.
var ErrBusy = errors.New("too many requests name keys that are not known here")

// Find returns the document with the key that id names, which may be one that another
// node has made a moment ago, and false when there is no such key. An error says that
// the question could not be answered. A key has to be in storage before its id can be
// met anywhere; an id that was looked for in vain is not looked for again.
func (d *Document[T]) Find(ctx context.Context, id string) (value T, found bool, err error) {
	for {
		l, value, known, err := d.join(ctx, id)
		if l == nil {
			return value, known, err
		}
		select {
		case <-l.done:
			err = l.err
		case <-ctx.Done():
			err = fmt.Errorf("waiting for the %s in storage: %w", d.form.What, ctx.Err())
		}
		d.asks.leave()
		if err != nil {
			return value, false, err
		}
		if _, asked := l.ids[id]; asked && l.read != nil && !d.form.Has(l.read.value, id) {
			return l.read.value, false, nil
		}
		// Found, or else we came when that look had begun already, and the key may
		// be younger. Then the next look decides.
	}
}

// asks is the state of all looks into storage that Find asked for.
type asks[T any] struct {
	mu      sync.Mutex
	look    *look[T]  // planned or under way; nil if none is
	quiet   time.Time // no look before then
	err     error     // of the last look; it answers for all until quiet
	waiting int
	// Ids that were met before a look began that did not find them. A key is in
	// storage before it is used, so these are nobody's. Without this memory, what
	// names a lost key would each wait for a look of its own.
	missing map[string]struct{}
}

// look is one reading of the document that any number of callers wait for.
type look[T any] struct {
	began bool
	ids   map[string]struct{} // asked for before it began
	done  chan struct{}
	// Set before done is closed.
	read *content[T] // what storage holds; nil if that is not certain
	err  error
}

// join returns the answer if there is one, or else a look to wait for and to leave.
func (d *Document[T]) join(ctx context.Context, id string) (l *look[T], value T, known bool, err error) {
	a := &d.asks
	a.mu.Lock()
	defer a.mu.Unlock()
	value = d.Held()
	if d.form.Has(value, id) {
		return nil, value, true, nil
	}
	if _, missing := a.missing[id]; missing {
		return nil, value, false, nil
	}
	if a.waiting >= maxWaiting {
		return nil, value, false, ErrBusy
	}
	if a.look == nil {
		if a.err != nil && time.Now().Before(a.quiet) {
			return nil, value, false, a.err
		}
		a.look = &look[T]{ids: map[string]struct{}{}, done: make(chan struct{})}
		// Not the first caller's to cancel: others wait as well. It ends by itself.
		go d.perform(context.WithoutCancel(ctx), a.look)
	}
	if !a.look.began {
		a.look.ids[id] = struct{}{}
	}
	a.waiting++
	return a.look, value, false, nil
}

func (a *asks[T]) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting--
}

// perform carries out a look and publishes what it found.
func (d *Document[T]) perform(ctx context.Context, l *look[T]) {
	a := &d.asks
	a.mu.Lock()
	quiet := a.quiet
	a.mu.Unlock()
	time.Sleep(time.Until(quiet))

	a.mu.Lock()
	l.began = true
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	before := d.held.Load()
	c, err := d.load(ctx, before)
	cancel()

	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		err = fmt.Errorf("a key is named that is not known here: %w", err)
	} else if d.held.CompareAndSwap(before, c) {
		// Otherwise a Follow or Change read meanwhile, perhaps a newer document, and
		// it takes another look to be sure.
		l.read = c
		for id := range l.ids {
			if !d.form.Has(c.value, id) {
				a.miss(id)
			}
		}
	}
	a.look, a.quiet, a.err, l.err = nil, time.Now().Add(findInterval), err, err
	close(l.done)
}

func (a *asks[T]) miss(id string) {
	if a.missing == nil || len(a.missing) >= maxMissing {
		a.missing = map[string]struct{}{}
	}
	a.missing[id] = struct{}{}
}
