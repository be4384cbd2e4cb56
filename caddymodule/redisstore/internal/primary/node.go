// node.go: one server: its connections, and whether it can be trusted now.

package primary

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	// beatInterval is how often a server must prove that it is there, on the very
	// connection on which it announces what changed.
	beatInterval = 200 * time.Millisecond

	// leaseProof is how old the last proof may be for leases to live on. A
	// connection that fell silent cannot tell of a logout: with the tick below
	// this keeps the promise of one second. rueidis' own PINGs end a silent
	// connection after KeepAlive and ConnWriteTimeout together: the latter is the
	// limit of every command as well, and so no less than CallLimit
	// (TestSilenceIsNoticedTooLateByPINGs).
	leaseProof = 800 * time.Millisecond

	// downAfter is when calls stop waiting for a silent server.
	downAfter = CallLimit

	watchTick = 50 * time.Millisecond

	// loneAfter is longer than an old primary takes to learn that it was replaced:
	// Sentinels tell it after about ten seconds, a Cluster's stops by itself after
	// its node timeout, which is 15 s by default.
	loneAfter = 15 * time.Second

	dialTimeout = 700 * time.Millisecond // for TCP and TLS, and again for the login
	idleTimeout = time.Minute            // of connections for writes

	maxReads  = 512 // on their way at once; rueidis blocks at 1024
	maxWrites = 64  // connections
)

// node is one Redis server. Its state needs no lock: callers look at
// failure, and at proven when they hand out a lease.
type Node struct {
	addr string
	link *Link

	reads  rueidis.Client // one pipelined connection, with CLIENT TRACKING
	writes rueidis.Client // a connection per transaction

	readSlots, writeSlots chan struct{}

	retired  atomic.Bool           // never to be asked again
	leaving  atomic.Int64          // since when another one is to be found in its place, as link.now; 0 for not
	dialed   atomic.Bool           // the connection for reads was there once
	failure  atomic.Pointer[error] // why calls must not even try; nil when up
	proven   atomic.Int64          // when the last answered command was sent, as link.now
	replicas atomic.Int32          // connected ones, with Sentinel and Cluster
	followed atomic.Int64          // when there was one last, as link.now; 0 for never

	probeAt struct { // see link.lookSingle, which alone looks at the time
		at   time.Duration
		busy sync.Mutex
	}

	pokes         chan struct{} // look now, something failed
	stop, stopped chan struct{}
}

func newNode(l *Link, addr string) *Node {
	n := &Node{
		addr: addr, link: l,
		readSlots: make(chan struct{}, maxReads), writeSlots: make(chan struct{}, maxWrites),
		pokes: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	n.fail(errConnecting)
	n.proven.Store(int64(l.now() - leaseProof))
	go n.run()
	return n
}

// options are what both kinds of connections have in common.
func (d *Deployment) options(addr string) rueidis.ClientOption {
	return rueidis.ClientOption{
		InitAddress: []string{addr}, ForceSingleClient: true,
		Username: d.User, Password: d.Password, SelectDB: d.DB, TLSConfig: d.TLS,
		DisableRetry:  true, // a retried SET NX would refuse the one who was first
		DisableCache:  true,
		ClientSetInfo: rueidis.DisableClientSetInfo,
		// one connection: a lease must know on which it depends
		PipelineMultiplex:  -1,
		ReadBufferEachConn: 64 << 10, WriteBufferEachConn: 64 << 10,
		BlockingPoolSize: maxWrites, BlockingPoolCleanup: idleTimeout,
		// KeepAlive is also rueidis' interval of PINGs, negative for none
		Dialer:           net.Dialer{Timeout: dialTimeout, KeepAlive: -1},
		ConnWriteTimeout: CallLimit,
	}
}

// connect makes the clients. They dial by themselves whenever they have to: an
// error means only that the server is not there yet.
func (n *Node) connect() (err error) {
	o := n.link.d.options(n.addr)
	// not waiting: the connection for writes is dialed by the first write
	o.DialCtxFn = n.link.d.dial
	n.writes, _ = rueidis.NewClient(o)

	o.DisableCache = false
	o.ClientTrackingOptions = []string{} // not OPTIN: whatever is read is tracked
	o.CacheSizeEachConn = 1              // we keep nothing there
	o.OnInvalidations = n.invalidated
	o.Dialer.KeepAlive = 2 * beatInterval
	if n.link.d.Mode == ModeSingle {
		o.DialCtxFn = n.dialOnce
	}
	if n.reads, err = rueidis.NewClient(o); err != nil {
		return connectError(n.addr, err)
	}
	return nil
}

// dialOnce makes the connection for reads, and none in its place: behind one
// address there may be another server by then, and see link.lookSingle.
func (n *Node) dialOnce(ctx context.Context, addr string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
	if n.dialed.Load() {
		return nil, errLeft
	}
	c, err := n.link.d.dial(ctx, addr, dialer, config)
	if err == nil {
		n.dialed.Store(true)
	}
	return c, err
}

// leave says that the server, or our connections to it, must be given up for
// those that the address leads to now.
func (n *Node) leave(why error) {
	n.fail(why)
	n.leaving.CompareAndSwap(0, int64(n.link.now())|1)
	n.link.watch.Lost(n)
	n.link.poke()
}

func (n *Node) left() bool { return n.leaving.Load() != 0 }

// invalidated is called in order with the answers. nil means everything: the
// server was flushed, or the connection is gone and we shall not hear of changes.
func (n *Node) invalidated(keys []rueidis.RedisMessage) {
	if keys == nil {
		n.link.watch.Lost(n)
		n.poke()
		return
	}
	for i := range keys {
		if key, err := keys[i].ToString(); err == nil {
			n.link.watch.Changed(key)
		}
	}
}

func (n *Node) poke() {
	select {
	case n.pokes <- struct{}{}:
	default:
	}
}

// run proves the server, again and again, until the node is closed.
func (n *Node) run() {
	defer close(n.stopped)
	if err := n.connect(); err != nil && n.link.d.Mode == ModeSingle {
		n.leave(err) // it was the only attempt
	}
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	answer := make(chan error, 1)
	waiting := false
	var next, pace time.Duration
	for {
		if now := n.link.now(); !waiting && now >= next && !n.left() {
			waiting, next, pace = true, now+beatInterval, now+watchTick
			go func() {
				err := n.beat()
				if isLost(err) && n.link.d.Mode != ModeSingle { // that connection; another one may do
					err = n.beat()
				}
				answer <- err
			}()
		}
		select {
		case <-n.stop:
			if waiting {
				<-answer
			}
			return
		case err := <-answer:
			waiting = false
			n.judge(err)
		case <-n.pokes:
			next = min(next, max(pace, n.link.now())) // soon, but no more often than the tick
		case <-tick.C:
		}
		age := n.age()
		if age > leaseProof { // at every tick: a Get may have begun meanwhile
			n.link.watch.Lost(n)
		}
		if age > downAfter && n.failure.Load() == nil {
			n.fail(errSilent)
			n.link.poke()
		}
	}
}

// judge draws the consequences of a beat.
func (n *Node) judge(err error) {
	if err == nil {
		if !n.left() {
			n.failure.Store(nil)
		}
		return
	}
	if n.link.d.Mode == ModeSingle {
		n.leave(err)
		return
	}
	// whatever it was: until the next good beat nothing is known of what changed
	n.link.watch.Lost(n)
	n.fail(err)
	n.link.poke()
}

func (n *Node) fail(err error) { n.failure.Store(&err) }

// prove notes that a command sent at the given time was answered.
func (n *Node) prove(sent time.Duration) {
	for {
		have := n.proven.Load()
		if int64(sent) <= have || n.proven.CompareAndSwap(have, int64(sent)) {
			return
		}
	}
}

// age is how old the last proof is.
func (n *Node) age() time.Duration { return n.link.now() - time.Duration(n.proven.Load()) }

// down returns why the server is not to be asked, or nil.
func (n *Node) down() error {
	if n.retired.Load() {
		return errRetired
	}
	if f := n.failure.Load(); f != nil {
		if errors.Is(*f, errConnecting) || errors.Is(*f, errSilent) {
			return fmt.Errorf("redis %s %w", n.addr, *f)
		}
		var lost lostError
		if errors.As(*f, &lost) {
			return lost.error // not to be tried again before the next beat
		}
		return *f
	}
	return nil
}

// retire stops calls and leases at once; close does the rest.
func (n *Node) retire() {
	n.retired.Store(true)
	n.link.watch.Lost(n)
}

// close waits for what is on its way, ends the connections and the leases.
func (n *Node) close() {
	close(n.stop)
	<-n.stopped
	// with all slots taken nobody dials any more: rueidis would leak that connection
	for range maxReads {
		n.readSlots <- struct{}{}
	}
	for range maxWrites {
		n.writeSlots <- struct{}{}
	}
	n.reads.Close()
	n.writes.Close()
	n.link.watch.Lost(n)
}
