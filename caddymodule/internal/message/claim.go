// claim.go: the right to deliver a message, where several nodes may have it: a note in the
// store that is renewed while the backend works.

package message

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

const (
	// A claim is renewed every renewEvery while the backend works. One that
	// nobody has renewed for abandonedAfter was left by a node that died: seen
	// so by the one that waits, on its own clock, so clocks need not agree. Time in
	// which the store did not answer, for stalledAfter or longer, does not count: it
	// took no renewal either.
	renewEvery     = time.Second
	abandonedAfter = 2500 * time.Millisecond
	stalledAfter   = 700 * time.Millisecond
	pollEvery      = 100 * time.Millisecond
	// And for the case that nobody waits, it expires.
	claimFor = 15 * time.Second
)

const nameSize = 16

var (
	errClaimed = errors.New("claimed by another")
	errLost    = errors.New("no longer claimed by this request")
)

// deliverByClaim is Deliver among several nodes.
func (d *Deliveries) deliverByClaim(ctx context.Context, key string, deliver func(context.Context) (accepted bool)) (Outcome, error) {
	c, err := d.claim(ctx, key)
	switch {
	case errors.Is(err, errAccepted):
		return Repeated, nil
	case err != nil:
		return Rejected, err
	}
	accepted := false
	stop := c.keep(context.WithoutCancel(ctx))
	// Also when deliver panics, as a reverse proxy does whose client is gone.
	defer func() {
		if !accepted {
			stop()
			c.release(ctx)
		}
	}()
	if accepted = deliver(ctx); !accepted {
		return Rejected, nil
	}
	stop()
	// No matter which node holds the claim by now.
	d.note(ctx, key, func() {})
	return Accepted, nil
}

// claim waits until this request is the one to deliver the message.
func (d *Deliveries) claim(ctx context.Context, key string) (*claim, error) {
	c := &claim{d: d, key: key}
	_, _ = rand.Read(c.name[:]) // never fails
	var seen []byte             // another's claim, and since when it is unchanged
	var since, polled time.Time
	for {
		var held []byte
		abandoned := seen != nil && time.Since(since) >= abandonedAfter
		err := d.Shared.UpdateValue(ctx, key, d.Now().Add(claimFor), func(old []byte) ([]byte, error) {
			held = nil
			switch {
			case len(old) == 0 || old[0] != valueAccepted && old[0] != valueClaimed:
			case old[0] == valueAccepted:
				return nil, errAccepted
			case c.mine(old): // an earlier try whose answer was lost
			case abandoned && bytes.Equal(old, seen):
			default:
				held = bytes.Clone(old)
				return nil, errClaimed
			}
			return c.value(), nil
		})
		switch {
		case err == nil:
			return c, nil
		case errors.Is(err, errAccepted):
			return nil, errAccepted
		case !errors.Is(err, errClaimed):
			if ctx.Err() != nil && seen != nil {
				return nil, ErrUnderway
			}
			return nil, fmt.Errorf("claiming a message: %w", err)
		}
		now := time.Now()
		if !bytes.Equal(held, seen) || now.Sub(polled) >= stalledAfter {
			seen, since = held, now
		}
		polled = now
		select {
		case <-ctx.Done():
			return nil, ErrUnderway
		case <-time.After(pollEvery):
		}
	}
}

// claim is the right to deliver one message.
type claim struct {
	d        *Deliveries
	key      string
	name     [nameSize]byte
	renewals byte
}

func (c *claim) value() []byte {
	return append(append([]byte{valueClaimed}, c.name[:]...), c.renewals)
}

func (c *claim) mine(value []byte) bool {
	return len(value) == nameSize+2 && value[0] == valueClaimed && bytes.Equal(value[1:nameSize+1], c.name[:])
}

// keep renews the claim until stop is called, which waits for a renewal that is under
// way. Nearly all deliveries are over before the first one: until then it is a timer.
func (c *claim) keep(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	first := time.AfterFunc(renewEvery, func() {
		defer close(done)
		c.renew(ctx)
	})
	return func() {
		cancel()
		if !first.Stop() {
			<-done
		}
	}
}

// renew renews the claim, at once and then again, until ctx ends.
func (c *claim) renew(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		c.renewals++
		// A failed renewal is made up for by the next; if none works, another
		// request may take over, which is what should happen to a node cut off.
		_ = c.d.Shared.UpdateValue(ctx, c.key, c.d.Now().Add(claimFor), func(old []byte) ([]byte, error) {
			if !c.mine(old) {
				return nil, errLost
			}
			return c.value(), nil
		})
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// release forgets the message, so that its repeat is delivered at once.
func (c *claim) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	_ = c.d.Shared.UpdateValue(ctx, c.key, c.d.Now().Add(claimFor), func(old []byte) ([]byte, error) {
		if !c.mine(old) {
			return nil, errLost
		}
		return nil, nil
	})
}
