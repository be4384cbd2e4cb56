// single.go: one address: which server is behind it now.

package primary

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"
)

// probeInterval is how often a new connection must lead to the server that the
// others are connected to. A service, a virtual IP or a name moves without a word
// to those who are connected: with the time that a dial may take this keeps the
// promise of five seconds.
const probeInterval = 2 * time.Second

// lookSingle follows the address. A server and its connections are one: when the
// connection on which leases depend is lost, or the server is no primary any
// more, all connections are made anew, for they may lead elsewhere. Else a login
// would be written to one server and looked up on another.
func (l *Link) lookSingle(ctx context.Context) {
	addr := l.d.Addrs[0]
	t := l.top.Load()
	if t == nil || t.one.left() {
		l.moveTo(ctx, addr)
		return
	}
	n := t.one
	if l.now() < n.probeAt.at || !n.probeAt.busy.TryLock() {
		return
	}
	n.probeAt.at = l.now() + probeInterval
	l.closing.Go(func() {
		defer n.probeAt.busy.Unlock()
		if l.elsewhere(n) {
			n.leave(fmt.Errorf("redis %s: the address leads to another server now", addr))
		}
	})
}

// elsewhere reports whether a new connection leads to another server. What is
// written there must be there on the connection that we have: two primaries, of
// which one was the replica of the other, have all else in common. It says no
// when it cannot be found out.
func (l *Link) elsewhere(n *Node) bool {
	key := l.mine.Load()
	if key == nil || *key == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), CallLimit)
	defer cancel()
	nonce := rand.Text()
	if _, err := l.d.once(ctx, n.addr, []string{"SET", *key, nonce, "PX", "10000"}); err != nil {
		return false // out of reach, full, or a replica: no better than what we have
	}
	answers, err := n.read(ctx, []string{"GET", *key})
	return err == nil && text(answers[0]) != nonce
}
