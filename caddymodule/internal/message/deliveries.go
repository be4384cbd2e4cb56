// deliveries.go: each message reaches the backend until it is accepted once,
// and not again after that, on all nodes.

package message

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// Outcome is what came of a message.
type Outcome int

const (
	// Rejected: the backend was asked and did not accept. WeChat must send again.
	Rejected Outcome = iota
	// Accepted: the backend was asked and accepted.
	Accepted
	// Repeated: it accepted the message before, and was not asked.
	Repeated
)

// Shared is what deliveries share between nodes. UpdateValue is
// session.Store's: an atomic change of a value that expires, whose change may
// be called again, and deletes by returning nil.
type Shared interface {
	UpdateValue(ctx context.Context, key string, until time.Time, change func(old []byte) ([]byte, error)) error
}

// ErrUnderway: another request was delivering the same message all the time
// that this one could wait. WeChat must send again.
var ErrUnderway = errors.New("the message is being delivered by another request")

const (
	// WeChat sends a message again after 5 s, three times. What was accepted is
	// remembered for as long as a copy of the request keeps its time (maxAge,
	// both ways), so that nobody can use one to make the backend act twice.
	rememberFor = 2 * maxAge
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
	// Notes at the end of a delivery must not be given up with the request. WeChat is
	// kept waiting so long for one; that a message was accepted is tried to be noted for
	// noteLater, as nothing else keeps it from the backend when it comes again.
	noteTimeout = 2 * time.Second
	noteLater   = 30 * time.Second
)

// A shared value is one of these, and for a claim a random name and the count
// of its renewals follow.
const (
	valueAccepted = 'a'
	valueClaimed  = 'c'
)

const nameSize = 16

var (
	errAccepted = errors.New("accepted before")
	errClaimed  = errors.New("claimed by another")
	errLost     = errors.New("no longer claimed by this request")
)

// Deliveries is safe for concurrent use.
type Deliveries struct {
	Shared Shared
	Now    func() time.Time
}

// Deliver asks the backend by calling deliver, unless it accepted the message
// with this key before. A repeat that comes while another request delivers the
// message waits, and takes over when that one fails or its node dies. ctx bounds
// waiting and delivering together; WeChat itself waits 5 s.
//
// When it returns Accepted or Repeated, the backend has accepted: answer
// "success". In all other cases the message is not noted as accepted, and
// WeChat, told 503, will send it again. An error means that the store could not
// answer, or ErrUnderway; the backend was not asked.
//
// A node that dies while the backend works leaves a claim that the next repeat
// takes over: the backend may then see the message a second time, as it did not
// get to accept the first. Nothing else makes it do so but a store that loses
// its mark, or cannot be reached for half a minute when it is to be set.
func (d Deliveries) Deliver(ctx context.Context, key string, deliver func(context.Context) (accepted bool)) (Outcome, error) {
	c, err := d.claim(ctx, key)
	switch {
	case errors.Is(err, errAccepted):
		return Repeated, nil
	case err != nil:
		return Rejected, err
	}
	accepted := false
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.keep(renewing)
	}()
	// Also when deliver panics, as a reverse proxy does whose client is gone.
	defer func() {
		stop()
		<-done
		if !accepted {
			c.release(ctx)
		}
	}()
	accepted = deliver(ctx)
	if !accepted {
		return Rejected, nil
	}
	stop()
	<-done
	// Few are ever under way: without the store no delivery begins.
	noted := make(chan struct{})
	go func() {
		defer close(noted)
		c.accept(ctx)
	}()
	select {
	case <-noted:
	case <-time.After(noteTimeout):
	}
	return Accepted, nil
}

// claim waits until this request is the one to deliver the message.
func (d Deliveries) claim(ctx context.Context, key string) (*claim, error) {
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
	d        Deliveries
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

// keep renews the claim until ctx ends.
func (c *claim) keep(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c.renewals++
		// A failed renewal is made up for by the next; if none works, another
		// request may take over, which is what should happen to a node cut off.
		_ = c.d.Shared.UpdateValue(ctx, c.key, c.d.Now().Add(claimFor), func(old []byte) ([]byte, error) {
			if !c.mine(old) {
				return nil, errLost
			}
			return c.value(), nil
		})
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

// accept remembers the message, no matter which node holds the claim by now. If the store is
// out of reach, the message counts as accepted all the same: the backend has it,
// and asking WeChat to send it again would deliver it twice for certain.
func (c *claim) accept(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteLater)
	defer cancel()
	for {
		once, cancel := context.WithTimeout(ctx, noteTimeout)
		err := c.d.Shared.UpdateValue(once, c.key, c.d.Now().Add(rememberFor), func([]byte) ([]byte, error) {
			return []byte{valueAccepted}, nil
		})
		cancel()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pollEvery):
		}
	}
}
