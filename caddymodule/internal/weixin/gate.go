// gate.go: how many calls run at once and how many may wait.

package weixin

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// gate is a counting semaphore with a bounded, first-come queue.
type gate struct {
	places   chan struct{}
	waiting  atomic.Int64
	maxQueue int64
}

func newGate(maxConcurrent, maxQueue int) *gate {
	return &gate{places: make(chan struct{}, maxConcurrent), maxQueue: int64(maxQueue)}
}

// enter takes a place, waiting in the queue if there is room in it. leave must
// follow each success.
func (g *gate) enter(ctx context.Context, call Call) error {
	if err := ctx.Err(); err != nil {
		return contextError(call, err, "before anything was sent")
	}
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.maxQueue {
		return &Error{Call: call, Kind: KindShed, Cause: errors.New("the queue is full"), retryAfter: time.Second}
	}
	select {
	case g.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return contextError(call, ctx.Err(), "in the queue, before anything was sent")
	}
}

func (g *gate) leave() { <-g.places }

// contextError is the error for a context that has ended.
func contextError(call Call, err error, where string) *Error {
	kind := KindCanceled
	if errors.Is(err, context.DeadlineExceeded) {
		kind = KindTimeout
	} else {
		err = context.Canceled
	}
	return &Error{Call: call, Kind: kind, Cause: &cause{text: where, is: err}}
}
