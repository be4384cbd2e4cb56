// vaultopen.go: opening, and looking for a key that is not known yet.

package seal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// lookupInterval is the least time from the end of one look into storage to
	// the next, whatever Open is asked to open.
	lookupInterval = time.Second

	// lookupTimeout bounds one look: a request waits for it.
	lookupTimeout = 5 * time.Second

	// maxMissing bounds the ids that are remembered as nobody's.
	maxMissing = 1024
)

// Open returns what was sealed, on whatever node that shares the storage. Its
// error is ErrForged, bare, or says that the question could not be answered:
// the value names a key that is not known here, and storage could not be read.
func (v *Vault) Open(ctx context.Context, sealed, associated []byte) ([]byte, error) {
	plaintext, err := v.held.Load().keys.Open(sealed, associated)
	if !errors.Is(err, ErrUnknownKey) {
		return plaintext, err
	}
	keys, err := v.lookup(ctx, idOf(sealed))
	if err != nil {
		return nil, err
	}
	return keys.Open(sealed, associated)
}

// lookups is the state of all looks into storage that Open asked for.
type lookups struct {
	mu    sync.Mutex
	look  *look     // planned or under way; nil if none is
	quiet time.Time // no look before then
	err   error     // of the last look; it answers for all until quiet
	// Ids that were met in a value before a look began that did not find them. A
	// key is in storage before it seals, so these are nobody's. Without this
	// memory, values under a lost key would each wait for a look of their own,
	// and a store may be locked meanwhile.
	missing map[keyID]struct{}
}

// look is one reading of the document that any number of callers wait for.
type look struct {
	began bool
	ids   map[keyID]struct{} // asked for before it began
	done  chan struct{}
	// Set before done is closed.
	keys *Keys // what storage holds; nil if that is not certain
	err  error
}

// lookup returns keys with id among them, ErrForged if there is no such key, or
// another error if that could not be found out.
func (v *Vault) lookup(ctx context.Context, id keyID) (*Keys, error) {
	for {
		l, keys, err := v.join(ctx, id)
		if l == nil {
			return keys, err
		}
		select {
		case <-l.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the seal keys in storage: %w", ctx.Err())
		}
		if l.err != nil {
			return nil, l.err
		}
		if _, asked := l.ids[id]; asked && l.keys != nil && l.keys.byID[id] == nil {
			return nil, ErrForged
		}
		// Found, or else we came when that look had begun already, and the key may
		// be younger. Then the next look decides.
	}
}

// join returns the answer if there is one, or else a look to wait for.
func (v *Vault) join(ctx context.Context, id keyID) (*look, *Keys, error) {
	a := &v.asks
	a.mu.Lock()
	defer a.mu.Unlock()
	if keys := v.held.Load().keys; keys.byID[id] != nil {
		return nil, keys, nil
	}
	if _, missing := a.missing[id]; missing {
		return nil, nil, ErrForged
	}
	if a.look == nil {
		if a.err != nil && time.Now().Before(a.quiet) {
			return nil, nil, a.err
		}
		a.look = &look{ids: map[keyID]struct{}{}, done: make(chan struct{})}
		// Not the first caller's to cancel: others wait as well. It ends by itself.
		go v.perform(context.WithoutCancel(ctx), a.look)
	}
	if !a.look.began {
		a.look.ids[id] = struct{}{}
	}
	return a.look, nil, nil
}

// perform carries out a look and publishes what it found.
func (v *Vault) perform(ctx context.Context, l *look) {
	a := &v.asks
	a.mu.Lock()
	quiet := a.quiet
	a.mu.Unlock()
	time.Sleep(time.Until(quiet))

	a.mu.Lock()
	l.began = true
	a.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	before := v.held.Load()
	h, err := v.load(ctx)
	cancel()

	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		err = fmt.Errorf("a value names a seal key that is not known here: %w", err)
	} else if v.held.CompareAndSwap(before, h) {
		// Otherwise a Refresh or Rotate read meanwhile, perhaps a newer document,
		// and it takes another look to be sure.
		l.keys = h.keys
		for id := range l.ids {
			if h.keys.byID[id] == nil {
				a.miss(id)
			}
		}
	}
	a.look, a.quiet, a.err, l.err = nil, time.Now().Add(lookupInterval), err, err
	close(l.done)
}

func (a *lookups) miss(id keyID) {
	if a.missing == nil || len(a.missing) >= maxMissing {
		a.missing = map[keyID]struct{}{}
	}
	a.missing[id] = struct{}{}
}
