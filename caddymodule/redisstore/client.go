// client.go: the store without Caddy, and what bounds each of its calls.

package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

const (
	// callLimit is the longest that any call takes.
	callLimit = 1500 * time.Millisecond

	// connectWait is how long New waits for the servers. Without them it still
	// succeeds: the gateway starts, and answers 503 until they are there.
	connectWait = 2 * time.Second
)

// Client is a session store in Redis. It is safe for concurrent use.
type Client struct {
	link *link
	tune tuning
}

// New returns a store. A configuration that cannot work (a refused password, a
// missing right, another mode) is an error; servers that do not answer are not,
// see Client.Check. Close it to end its connections.
func New(o Options) (*Client, error) {
	d, err := o.deployment()
	if err != nil {
		return nil, err
	}
	tune, err := o.tuning()
	if err != nil {
		return nil, err
	}
	c := &Client{link: newLink(d), tune: tune}
	c.mayProbe()
	if err := c.try(); isConfigError(err) {
		c.link.close()
		return nil, err
	}
	return c, nil
}

// mayProbe gives the link a key that it may write, one of its own.
func (c *Client) mayProbe() {
	key := c.tune.names.probe(rand.Text())
	c.link.mine.Store(&key)
}

// Close ends the connections and all leases. Calls fail from then on.
func (c *Client) Close() error {
	c.link.close()
	return nil
}

// Check writes to every server that is needed what a login writes, on a name of
// its own that is gone after seconds.
func (c *Client) Check(ctx context.Context) error {
	return bounded(ctx, func(ctx context.Context) error {
		t, err := c.link.topology()
		if err != nil {
			return err
		}
		servers := make(map[*node]string) // a name on each
		if t.one != nil {
			servers[t.one] = c.tune.names.probe(rand.Text())
		}
		for slot, n := range t.slots {
			if n == nil {
				return fmt.Errorf("redis: no server has slot %d of the cluster", slot)
			}
		}
		for tries := 0; len(servers) < len(t.nodes) && tries < 100*len(t.nodes); tries++ {
			name := c.tune.names.probe(rand.Text())
			if n, err := c.link.pick(name); err == nil && servers[n] == "" {
				servers[n] = name
			}
		}
		for _, name := range servers {
			err := c.transact(ctx, name, func(t *tx) error {
				_, err := t.exec([]string{"SET", name, "1", "NX", "PX", "10000"}, []string{"DEL", name},
					[]string{"HSET", name, "x", "1"}, []string{"PEXPIREAT", name, pxat(expiry(time.Now().Add(10 * time.Second)))})
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// try waits for the servers and makes every kind of call once, with names that
// nobody uses: what the user of the gateway may not do shows now and not at the
// first login.
func (c *Client) try() error {
	if err := c.link.await(connectWait); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectWait)
	defer cancel()
	user, until := rand.Text()[:userLen], time.Now().Add(5*time.Second)
	same := func(v []byte) ([]byte, error) { return v, nil }
	rec := session.Record{Key: user + "aaaaaaaa", User: user, IssuedAt: time.Now(), ExpiresAt: until}
	next := rec
	next.Key = user + "bbbbbbbb"
	for _, call := range []func() error{
		func() error { _, err := c.Mark(ctx, user, until); return err },
		func() error { return c.Create(ctx, rec, 1, same) },
		func() error { return c.Create(ctx, next, 1, nil) }, // pushes the first one out
		func() error { return c.Update(ctx, next.Key, same) },
		func() error { _, err := c.List(ctx, user); return err },
		func() error { _, err := c.Count(ctx); return err },
		func() error { return c.Delete(ctx, next.Key) },
		func() error { _, err := c.DeleteUser(ctx, user); return err },
	} {
		if err := call(); err != nil {
			return err
		}
	}
	return nil
}

// bounded runs a call within callLimit. Its own limit is a failure of Redis; the
// end of the caller's context is the caller's.
func bounded(ctx context.Context, call func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	inner, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	err := call(inner)
	if over := inner.Err(); err != nil && over != nil && errors.Is(err, over) {
		if own := ctx.Err(); own != nil {
			return own
		}
		return errSlow
	}
	return err
}

// passed carries an error of a caller's function past everything that looks at
// errors of Redis.
type passed struct{ error }

var _ session.Store = (*Client)(nil)
