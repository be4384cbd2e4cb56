// gate.go: how many calls run at once, how many may wait, and how much of both one
// client network can hold.

package weixin

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/oneshot"
)

const (
	// fairPart is the part of the places, and of the queue, that one network can hold:
	// a quarter. Three others can then be as busy as the first and a fourth still gets in.
	fairPart = 4
	// leastTime must be left of a waiter's deadline when its turn comes. With less, the
	// call would most likely end unanswered, with its code spent.
	leastTime = 500 * time.Millisecond
)

// gate is a counting semaphore with a bounded queue. Turns go in the order of arrival,
// except that a waiter whose network holds its whole part is passed over.
type gate struct {
	places, maxQueue      int
	partPlaces, partQueue int

	mu      sync.Mutex
	busy    int
	queue   list.List      // of *waiter
	running map[string]int // places by network; only counts above 0, and no ""
	waiting map[string]int // places in the queue, likewise
}

type waiter struct {
	network string
	turn    chan struct{} // closed when the waiter has its place
}

func newGate(maxConcurrent, maxQueue int) *gate {
	return &gate{
		places: maxConcurrent, maxQueue: maxQueue,
		partPlaces: max(maxConcurrent/fairPart, 1), partQueue: max(maxQueue/fairPart, 1),
		running: make(map[string]int), waiting: make(map[string]int),
	}
}

// enter takes a place, waiting in the queue if there is room in it. leave must follow
// each success, with the same network. "" is the gateway itself: it has no part.
//
// A waiter is turned away when less than leastTime is left of ctx. What finds a place
// at once goes on with what it has.
func (g *gate) enter(ctx context.Context, call Call, network string) error {
	if err := ctx.Err(); err != nil {
		return contextError(call, err, "before anything was sent")
	}
	g.mu.Lock()
	if g.mayRun(network) {
		g.run(network)
		g.mu.Unlock()
		return nil
	}
	deadline, bounded := ctx.Deadline()
	left := time.Until(deadline) - leastTime
	why := ""
	switch {
	case g.queue.Len() >= g.maxQueue:
		why = "the queue is full"
	case network != "" && g.waiting[network] >= g.partQueue:
		why = "this client's network fills its part of the queue"
	case bounded && left <= 0:
		why = "there is a queue, and no time to wait in it"
	}
	if why != "" {
		g.mu.Unlock()
		return overloaded(call, why)
	}
	w := &waiter{network, make(chan struct{})}
	place := g.queue.PushBack(w)
	count(g.waiting, network, 1)
	g.mu.Unlock()

	var late <-chan time.Time // never, without a deadline
	if bounded {
		timer := time.NewTimer(left)
		defer timer.Stop()
		late = timer.C
	}
	var err error
	select {
	case <-w.turn:
		return nil
	case <-late:
		err = overloaded(call, "too little time is left after the wait in the queue")
	case <-ctx.Done():
		err = contextError(call, ctx.Err(), "in the queue, before anything was sent")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.turn: // it came at the same moment, too late
		g.give(network)
	default:
		g.queue.Remove(place)
		count(g.waiting, network, -1)
	}
	return err
}

func (g *gate) leave(network string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.give(network)
}

// give frees a place of the network and passes it on to the first who may have it. One
// is enough: all others that wait, wait for a part that this place is not of. g.mu is held.
func (g *gate) give(network string) {
	g.busy--
	count(g.running, network, -1)
	for e := g.queue.Front(); e != nil; e = e.Next() {
		w := e.Value.(*waiter)
		if !g.mayRun(w.network) {
			continue
		}
		g.queue.Remove(e)
		count(g.waiting, w.network, -1)
		g.run(w.network)
		close(w.turn)
		return
	}
}

func (g *gate) mayRun(network string) bool {
	return g.busy < g.places && (network == "" || g.running[network] < g.partPlaces)
}

func (g *gate) run(network string) {
	g.busy++
	count(g.running, network, 1)
}

// count keeps the tables as small as what they count.
func count(table map[string]int, network string, by int) {
	if network == "" {
		return
	}
	if table[network] += by; table[network] == 0 {
		delete(table, network)
	}
}

func overloaded(call Call, why string) *Error {
	return &Error{Call: call, Kind: KindOverloaded, Cause: errors.New(why)}
}

// contextError is the error for a context that has ended.
func contextError(call Call, err error, where string) *Error {
	kind := KindCanceled
	if errors.Is(err, context.DeadlineExceeded) {
		kind = KindTimeout
	} else {
		err = context.Canceled
	}
	return &Error{Call: call, Kind: kind, Cause: &oneshot.Cause{Text: where, Is: err}}
}
