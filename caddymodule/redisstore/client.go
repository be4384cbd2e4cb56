// client.go: the store without Caddy, and what bounds each of its calls.

package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/base64"
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

// Check asks every server that is needed for a sign of life now.
func (c *Client) Check(ctx context.Context) error {
	return bounded(ctx, func(ctx context.Context) error {
		t, err := c.link.topology()
		if err != nil {
			return err
		}
		if t.slots != nil {
			for slot, n := range t.slots {
				if n == nil {
					return fmt.Errorf("redis: no server has slot %d of the cluster", slot)
				}
			}
		}
		for _, n := range t.nodes {
			if _, err := n.read(ctx, []string{"PING"}); err != nil {
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
	name := func() string {
		var b [16]byte
		rand.Read(b[:])
		return base64.RawURLEncoding.EncodeToString(b[:])
	}
	key, user, until := name(), name(), time.Now().Add(5*time.Second)
	same := func(v []byte) ([]byte, error) { return v, nil }
	rec := session.Record{Key: key, User: user, IssuedAt: time.Now(), ExpiresAt: until}
	_, err := c.Mark(ctx, key, until)
	if err == nil {
		err = c.UpdateValue(ctx, key, until, same)
	}
	if err == nil {
		err = c.Create(ctx, rec, 1)
	}
	if err == nil {
		err = c.Update(ctx, key, same)
	}
	if err == nil {
		rec.Key = name()
		err = c.Create(ctx, rec, 1) // pushes the first one out
	}
	if err == nil {
		_, err = c.List(ctx, user)
	}
	if err == nil {
		_, err = c.count(ctx, []int{groupOf(user)})
	}
	if err == nil {
		err = c.Delete(ctx, rec.Key)
	}
	if err == nil {
		_, err = c.DeleteUser(ctx, user)
	}
	return err
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
