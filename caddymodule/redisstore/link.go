// link.go: what outlives a configuration.

package redisstore

import (
	"context"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/keylock"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore/internal/primary"
)

// link is what outlives a configuration: connections, leases, and what is still to be
// counted. It knows no configuration's logger, context, prefix or limits.
type link struct {
	servers *primary.Link
	leases  *leases
	locks   keylock.Locks // writers of one node queue here instead of aborting each other in Redis
	tally   tally

	stop, stopped chan struct{}
}

func newLink(d *deployment) *link {
	l := &link{leases: newLeases(), stop: make(chan struct{}), stopped: make(chan struct{})}
	l.servers = primary.Open(d.Deployment, l.leases)
	go l.run()
	return l
}

// run writes what is to be counted, twice a second, until the link is closed.
func (l *link) run() {
	defer close(l.stopped)
	for over := false; !over; {
		select {
		case <-l.stop:
			over = true
		case <-time.After(tallyEvery):
		}
		for _, key := range l.tally.keys() {
			ctx, cancel := context.WithTimeout(context.Background(), primary.CallLimit) // what is cut short is not sent again
			_ = l.writeTally(ctx, key)
			cancel()
		}
	}
}

func (l *link) close() {
	close(l.stop)
	<-l.stopped
	l.servers.Close()
}

// Destruct ends the link when no configuration uses it any more.
func (l *link) Destruct() error {
	l.close()
	return nil
}
