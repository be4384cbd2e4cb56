// sessiontest.go: how a store author runs the suite.

// Package sessiontest tells whether a session store keeps the contract of
// session.Store. A store's test is a few lines:
//
//	func TestConformance(t *testing.T) {
//		sessiontest.Run(t, func(t *testing.T) session.Store {
//			s := mystore.New()
//			t.Cleanup(func() { s.Close() })
//			return s
//		}, sessiontest.InBubble())
//	}
//
// Each rule is a subtest whose name is the rule. Run it with -race: a third of
// the rules are about calls that meet.
//
// It does not judge speed, durability or what a store does when its disk or
// network fails halfway; those need the store's own tests.
package sessiontest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Option says what the suite must know about a store.
type Option func(*config)

type config struct {
	bubble      bool
	forward     func(t *testing.T, d time.Duration)
	peers       func(t *testing.T) (one, other session.Store)
	unreachable func(t *testing.T) session.Store
	damage      func(t *testing.T, s session.Store, r session.Record)
}

// InBubble runs every check in a testing/synctest bubble: time is fake, expiries
// take no time and are checked to the nanosecond. It is the choice for stores
// that read time.Now and do no network I/O. What open starts must have ended
// when its t.Cleanup functions have run.
func InBubble() Option {
	return func(c *config) { c.bubble = true }
}

// OnWallClock runs the checks in real time and lets forward pass it: nil is
// time.Sleep. It is the choice for networked stores. A forward that moves a fake
// server's clock (miniredis.FastForward) must move the clock that the store
// reads by as much, or the store must look at the server's only.
func OnWallClock(forward func(t *testing.T, d time.Duration)) Option {
	return func(c *config) {
		if forward == nil {
			forward = func(_ *testing.T, d time.Duration) { time.Sleep(d) }
		}
		c.forward = forward
	}
}

// Peers also checks the rules between nodes: open returns two stores that share
// their data as two gateways would, each with its own connection and caches.
func Peers(open func(t *testing.T) (one, other session.Store)) Option {
	return func(c *config) { c.peers = open }
}

// Unreachable also checks that a failure never looks like absence: open returns
// a store that cannot answer (a closed file, a server that is gone).
func Unreachable(open func(t *testing.T) session.Store) Option {
	return func(c *config) { c.unreachable = open }
}

// Damage also checks that what is damaged is absent and in nobody's way: spoil
// destroys what the store keeps of a record, as a disk or a stranger would.
func Damage(spoil func(t *testing.T, s session.Store, r session.Record)) Option {
	return func(c *config) { c.damage = spoil }
}

// Run checks every rule on a fresh, empty store from open. One of InBubble and
// OnWallClock must be among the options: how time passes is never guessed.
func Run(t *testing.T, open func(t *testing.T) session.Store, opts ...Option) {
	t.Helper()
	var c config
	for _, o := range opts {
		o(&c)
	}
	if c.bubble == (c.forward != nil) {
		t.Fatal("sessiontest: choose one of InBubble and OnWallClock")
	}
	c.run(t, checks(), func(t *testing.T) env { return env{store: open(t)} })
	if c.peers != nil {
		c.run(t, peerChecks(), func(t *testing.T) env {
			one, other := c.peers(t)
			return env{store: one, other: other}
		})
	}
	if c.damage != nil {
		c.run(t, damageChecks(), func(t *testing.T) env {
			s := open(t)
			return env{store: s, damage: func(r session.Record) { c.damage(t, s, r) }}
		})
	}
	if c.unreachable != nil {
		c.run(t, unreachableChecks(), func(t *testing.T) env { return env{store: c.unreachable(t)} })
	}
}

func (c *config) run(t *testing.T, list []check, open func(t *testing.T) env) {
	for _, ck := range list {
		t.Run(ck.rule, func(t *testing.T) {
			one := func(t *testing.T) {
				e := open(t)
				e.until, e.forward = later(), time.Sleep
				if c.forward != nil {
					e.forward = func(d time.Duration) { c.forward(t, d) }
				}
				ck.run(t, e)
			}
			if c.bubble {
				synctest.Test(t, one)
				return
			}
			one(t)
		})
	}
}
