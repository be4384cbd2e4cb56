// link.go: the servers of a deployment, and which of them has a key.

package primary

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

// Link is the connections to the servers of a deployment and what is known of them.
// It knows no configuration's logger, context, prefix or limits.
type Link struct {
	d     *Deployment
	watch Watcher
	start time.Time

	top     atomic.Pointer[topology]
	trouble atomic.Pointer[error]         // why there is no topology yet
	looked  atomic.Pointer[chan struct{}] // closed when the next look is over
	mine    atomic.Pointer[string]        // the key that probe may write

	sides map[string]*side // to the Sentinels

	pokes         chan struct{}
	stop, stopped chan struct{}
	closing       sync.WaitGroup
}

// topology is who serves what. It is replaced, never changed.
type topology struct {
	nodes map[string]*Node
	one   *Node   // serves everything; nil with a Cluster
	slots []*Node // of a Cluster
}

// Watcher is told what must not be trusted any more. It is called in order with the
// answers to reads, and must not call the link.
type Watcher interface {
	Changed(key string) // somebody changed the key
	Lost(n *Node)       // whatever was read from the server: it can no longer tell of changes
}

// Open begins to connect; it waits for nothing.
func Open(d Deployment, watch Watcher) *Link {
	l := &Link{
		d: &d, watch: watch, start: time.Now(), sides: make(map[string]*side),
		pokes: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	for _, addr := range d.Addrs {
		l.sides[addr] = &side{}
	}
	l.looked.Store(new(make(chan struct{})))
	l.blame(errConnecting)
	go l.run()
	return l
}

// now is a clock that no one can set.
func (l *Link) now() time.Duration { return time.Since(l.start) }

func (l *Link) blame(err error) { l.trouble.Store(&err) }

// poke asks for a look at who serves what, soon.
func (l *Link) poke() {
	select {
	case l.pokes <- struct{}{}:
	default:
	}
}

// run looks who serves what, until the link is closed.
func (l *Link) run() {
	defer close(l.stopped)
	defer func() {
		for _, p := range l.sides {
			p.close()
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // a look ends with the link
		<-l.stop
		cancel()
	}()
	for {
		switch l.d.Mode {
		case ModeSingle:
			l.lookSingle(ctx)
		case ModeSentinel:
			l.lookSentinel(ctx)
		default:
			l.lookCluster(ctx)
		}
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
func (l *Link) topology() (*topology, error) {
	t := l.top.Load()
	if t == nil {
		return nil, fmt.Errorf("redis: %w", *l.trouble.Load())
	}
	return t, nil
}

// Pick returns the server that has a key.
func (l *Link) Pick(key string) (*Node, error) {
	t, err := l.topology()
	switch {
	case err != nil:
		return nil, err
	case t.one != nil:
		return t.one, nil
	}
	slot := SlotOf(key)
	if n := t.slots[slot]; n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("redis: no server has slot %d of the cluster", slot)
}

// ready returns nil when all servers are up.
func (l *Link) ready() error {
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

// Await waits until all servers are up, something is wrong that no waiting mends,
// or the time is over.
func (l *Link) Await() error {
	for end := l.now() + connectWait; ; time.Sleep(5 * time.Millisecond) {
		err := l.ready()
		if err == nil || IsConfigError(err) || l.now() > end {
			return err
		}
	}
}

// retire closes servers that nobody is to ask any more.
func (l *Link) retire(nodes ...*Node) {
	for _, n := range nodes {
		n.retire()
		l.closing.Go(n.close)
	}
}

// closeLimit bounds how long a reload waits for a server that does not answer.
// What is left to close ends by itself soon after.
const closeLimit = time.Second

// Close ends the connections; calls fail from then on.
func (l *Link) Close() {
	close(l.stop)
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-l.stopped
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

// Servers returns a name on each server that is needed, of those that name makes; an
// error when one is missing.
func (l *Link) Servers(name func() string) ([]string, error) {
	t, err := l.topology()
	if err != nil {
		return nil, err
	}
	if t.one != nil {
		return []string{name()}, nil
	}
	for slot, n := range t.slots {
		if n == nil {
			return nil, fmt.Errorf("redis: no server has slot %d of the cluster", slot)
		}
	}
	var names []string
	found := make(map[*Node]bool)
	for tries := 0; len(found) < len(t.nodes) && tries < 100*len(t.nodes); tries++ {
		next := name()
		if n := t.slots[SlotOf(next)]; !found[n] {
			found[n], names = true, append(names, next)
		}
	}
	return names, nil
}

// MayProbe gives the link a key that it may write, one of its own; without one, or
// with "", it does not find out that an address leads elsewhere while both servers live.
func (l *Link) MayProbe(key string) { l.mine.Store(&key) }
