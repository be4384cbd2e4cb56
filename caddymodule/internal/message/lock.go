// lock.go: the right to deliver a message, where no other process can have it: a lock.

package message

import (
	"context"
	"errors"
	"fmt"
)

// Locks is session.Locker's: of all in this process that lock a name, one has it at a time.
type Locks interface {
	Lock(ctx context.Context, name string) (unlock func(), err error)
}

var errFree = errors.New("not accepted before")

// deliverLocked is Deliver where no other process can use the store. A claim would tell
// nobody but those who wait for the lock, and one that outlived this process would only
// keep the next one waiting: so nothing is noted before the backend has accepted, and
// that is waited for before WeChat is told.
//
// What a claim does beside that is to find out, before the backend is asked, that the
// store takes no notes. So one is made as a trial while the last note could not be made.
func (d *Deliveries) deliverLocked(ctx context.Context, key string, deliver func(context.Context) (accepted bool)) (Outcome, error) {
	unlock, err := d.Locks.Lock(ctx, key)
	if err != nil {
		if ctx.Err() != nil {
			return Rejected, ErrUnderway
		}
		return Rejected, fmt.Errorf("waiting for a message: %w", err)
	}
	accepted := false
	// Also when deliver panics, as a reverse proxy does whose client is gone.
	defer func() {
		if !accepted {
			unlock()
		}
	}()
	err = d.Shared.UpdateValue(ctx, key, d.Now().Add(claimFor), func(old []byte) ([]byte, error) {
		switch {
		case len(old) > 0 && old[0] == valueAccepted:
			return nil, errAccepted
		case d.doubtful.Load():
			return []byte{valueClaimed}, nil
		}
		return nil, errFree // or claimed by a process that is gone
	})
	switch {
	case errors.Is(err, errAccepted):
		return Repeated, nil
	case err != nil && !errors.Is(err, errFree):
		return Rejected, fmt.Errorf("looking a message up: %w", err)
	}
	if accepted = deliver(ctx); !accepted {
		return Rejected, nil
	}
	d.note(ctx, key, unlock)
	return Accepted, nil
}
