// deliveries.go: each message reaches the backend until it is accepted once,
// and not again after that, on all nodes.

package message

import (
	"context"
	"errors"
	"sync/atomic"
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

var errAccepted = errors.New("accepted before")

// Deliveries is safe for concurrent use.
type Deliveries struct {
	Shared Shared
	// Locks, unless nil, says that no other process can use what is shared, and that
	// all in this one take turns by it: that saves a note for each message.
	Locks Locks
	Now   func() time.Time

	doubtful atomic.Bool // the last note could not be made at once: see deliverLocked
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
// takes over, and the end of the only node leaves nothing: the backend may then see the
// message a second time, as it did not get to accept the first. Nothing else makes it
// do so but a store that loses its mark, or cannot be reached when it is to be set: for
// half a minute, or until the node that is trying to dies.
func (d *Deliveries) Deliver(ctx context.Context, key string, deliver func(context.Context) (accepted bool)) (Outcome, error) {
	if d.Locks != nil {
		return d.deliverLocked(ctx, key, deliver)
	}
	return d.deliverByClaim(ctx, key, deliver)
}

// note remembers that the message was accepted, and then calls over. If the store is
// out of reach, it waits for noteTimeout, and goes on trying when it has returned: the
// message counts as accepted all the same, as the backend has it, and asking WeChat to
// send it again would deliver it twice for certain.
func (d *Deliveries) note(ctx context.Context, key string, over func()) {
	ctx = context.WithoutCancel(ctx)
	begin := time.Now()
	err := d.noteOnce(ctx, key)
	d.doubtful.Store(err != nil)
	if err == nil {
		over()
		return
	}
	// Few are ever under way: without the store no delivery begins.
	noted := make(chan struct{})
	go func() {
		defer close(noted)
		defer over()
		ctx, cancel := context.WithTimeout(ctx, noteLater)
		defer cancel()
		for ctx.Err() == nil && d.noteOnce(ctx, key) != nil {
			select {
			case <-ctx.Done():
			case <-time.After(pollEvery):
			}
		}
	}()
	select {
	case <-noted:
	case <-time.After(noteTimeout - time.Since(begin)):
	}
}

func (d *Deliveries) noteOnce(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, noteTimeout)
	defer cancel()
	return d.Shared.UpdateValue(ctx, key, d.Now().Add(rememberFor), func([]byte) ([]byte, error) {
		return []byte{valueAccepted}, nil
	})
}
