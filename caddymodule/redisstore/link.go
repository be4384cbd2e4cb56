// link.go: the servers of a deployment, and which of them has a key.

package redisstore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Between questions who serves what. During a switch there are two primaries:
	// within a second no gateway may ask the old one any more.
	lookInterval = 300 * time.Millisecond
	lookPace     = 100 * time.Millisecond // the same, while something is wrong
)

// link is what outlives a configuration: connections, leases and what is known of
// the servers. It knows no configuration's logger, context, prefix or limits.
type link struct {
	d       *deployment
	leases  *leases
	locks   keyLocks
	tally   tally
	tallied chan struct{} // closed when all of it is written, after stop
	start   time.Time

	top     atomic.Pointer[topology]
	trouble atomic.Pointer[error]         // why there is no topology yet
	looked  atomic.Pointer[chan struct{}] // closed when the next look is over
	mine    atomic.Pointer[string]        // the key that probe may write

	sides sides // connections to ask who serves what

	pokes         chan struct{}
	stop, stopped chan struct{}
	closing       sync.WaitGroup
}

// topology is who serves what. It is replaced, never changed.
type topology struct {
	nodes map[string]*node
	one   *node   // serves everything; nil with a Cluster
	slots []*node // of a Cluster
}

func newLink(d *deployment) *link {
	l := &link{
		d: d, leases: newLeases(), start: time.Now(),
		pokes: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}), tallied: make(chan struct{}),
	}
	l.sides.d = d
	l.looked.Store(new(make(chan struct{})))
	l.blame(errConnecting)
	go l.run()
	go l.writeTallies()
	return l
}

// now is a clock that no one can set.
func (l *link) now() time.Duration { return time.Since(l.start) }

func (l *link) blame(err error) { l.trouble.Store(&err) }

// poke asks for a look at who serves what, soon.
func (l *link) poke() {
	select {
	case l.pokes <- struct{}{}:
	default:
	}
}

// run looks who serves what, until the link is closed.
func (l *link) run() {
	defer close(l.stopped)
	defer l.sides.close()
	for {
		ctx, cancel := context.WithCancel(context.Background())
		go func() { // a look ends with the link
			select {
			case <-l.stop:
				cancel()
			case <-ctx.Done():
			}
		}()
		switch l.d.mode {
		case ModeSingle:
			l.lookSingle(ctx)
		case ModeSentinel:
			l.lookSentinel(ctx)
		default:
			l.lookCluster(ctx)
		}
		cancel()
		close(*l.looked.Swap(new(make(chan struct{}))))
		interval := lookInterval
		if t := l.top.Load(); t == nil || t.one != nil && t.one.left() {
			interval = lookPace
		}
		select {
		case <-l.stop:
			return
		case <-time.After(lookPace):
		}
		select {
		case <-l.stop:
			return
		case <-l.pokes:
		case <-time.After(interval - lookPace):
		}
	}
}

// topology returns who serves what, or why that is not known.
func (l *link) topology() (*topology, error) {
	t := l.top.Load()
	if t == nil {
		return nil, fmt.Errorf("redis: %w", *l.trouble.Load())
	}
	return t, nil
}

// pick returns the server that has a key.
func (l *link) pick(key string) (*node, error) {
	t, err := l.topology()
	if err != nil || t.one != nil {
		return t.single(), err
	}
	slot := slotOf(key)
	if n := t.slots[slot]; n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("redis: no server has slot %d of the cluster", slot)
}

func (t *topology) single() *node {
	if t == nil {
		return nil
	}
	return t.one
}

// ready returns nil when all servers are up.
func (l *link) ready() error {
	t, err := l.topology()
	if err != nil {
		return err
	}
	for _, n := range t.nodes {
		if err := n.down(); err != nil {
			return err
		}
	}
	return nil
}

// await waits until all servers are up, something is wrong that no waiting mends,
// or the time is over.
func (l *link) await(limit time.Duration) error {
	for end := l.now() + limit; ; time.Sleep(5 * time.Millisecond) {
		err := l.ready()
		if err == nil || isConfigError(err) || l.now() > end {
			return err
		}
	}
}

// retire closes servers that nobody is to ask any more.
func (l *link) retire(nodes ...*node) {
	for _, n := range nodes {
		n.retire()
		l.closing.Go(n.close)
	}
}

// closeLimit bounds how long a reload waits for a server that does not answer.
// What is left to close ends by itself soon after.
const closeLimit = time.Second

func (l *link) close() {
	close(l.stop)
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-l.stopped
		<-l.tallied
		if t := l.top.Load(); t != nil {
			for _, n := range t.nodes {
				l.retire(n)
			}
		}
		l.closing.Wait()
	}()
	select {
	case <-done:
	case <-time.After(closeLimit):
	}
}

// Destruct ends the link when no configuration uses it any more.
func (l *link) Destruct() error {
	l.close()
	return nil
}
