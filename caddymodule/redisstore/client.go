// client.go: the store without Caddy, and what bounds each of its calls.

package redisstore

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore/internal/primary"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
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
	d, tune, err := o.deployment()
	if err != nil {
		return nil, err
	}
	c := &Client{link: newLink(d), tune: tune}
	c.mayProbe()
	if err := c.try(); primary.IsConfigError(err) {
		c.link.close()
		return nil, err
	}
	return c, nil
}

// mayProbe gives the link a key that it may write, one of its own.
func (c *Client) mayProbe() {
	c.link.servers.MayProbe(c.tune.names.probe(rand.Text()))
}

// Close ends the connections and all leases. Calls fail from then on.
func (c *Client) Close() error {
	c.link.close()
	return nil
}

// Check writes to every server that is needed what a login writes, on a name of
// its own that is gone after seconds.
func (c *Client) Check(ctx context.Context) error {
	return primary.Bounded(ctx, func(ctx context.Context) error {
		servers, err := c.link.servers.Servers(func() string { return c.tune.names.probe(rand.Text()) })
		if err != nil {
			return err
		}
		for _, name := range servers {
			err := c.link.servers.Transact(ctx, name, c.tune.confirm, func(t *primary.Tx) error {
				_, err := t.Exec([]string{"SET", name, "1", "NX", "PX", "10000"}, []string{"DEL", name},
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
	if err := c.link.servers.Await(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
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

// passed carries an error of a caller's function past everything that looks at
// errors of Redis.
type passed struct{ error }

var _ session.Store = (*Client)(nil)
