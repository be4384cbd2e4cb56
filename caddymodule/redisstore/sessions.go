// sessions.go: the calls about one session.

package redisstore

import (
	"context"
	"errors"

	"github.com/redis/rueidis"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Get returns the record and a lease on it, in two exchanges. The lease lives
// while the servers that were asked prove that they would tell of a change.
func (c *Client) Get(ctx context.Context, key string) (rec session.Record, lease *session.Lease, err error) {
	if err := checkName(key); err != nil {
		return rec, nil, err
	}
	err = bounded(ctx, func(ctx context.Context) error {
		// the echo of an earlier write may end a lease before it is handed out: what
		// was read is right, but another read gives a lease that is of use
		for range 3 {
			if rec, lease, err = c.get(ctx, key); err != nil || lease.Live() {
				break
			}
		}
		return err
	})
	if err != nil {
		return session.Record{}, nil, err
	}
	return rec, lease, nil
}

func (c *Client) get(ctx context.Context, key string) (session.Record, *session.Lease, error) {
	var (
		e    *entry
		user string
	)
	drop := func() {
		if e != nil {
			c.link.leases.drop(e)
		}
	}
	locator := c.tune.names.locator(key)
	err := c.retry(ctx, locator, func(n *node) error {
		drop()
		e = c.link.leases.begin(locator, n)
		answers, err := n.read(ctx, []string{"GET", locator})
		if err != nil {
			return err
		}
		user, err = userIn(answers[0])
		return err
	})
	if err != nil {
		drop()
		return session.Record{}, nil, err
	}
	var rec session.Record
	var frame string
	record, epoch := c.tune.names.record(user, key), c.tune.names.epoch(user)
	err = c.retry(ctx, record, func(n *node) error {
		if e.nodes[1] != nil { // another attempt, perhaps with another server
			return errAsk
		}
		c.link.leases.extend(e, record, epoch, n)
		answers, err := n.read(ctx, c.present(user, key)...)
		if err != nil {
			return err
		}
		rec, frame, err = c.recordIn(answers, user, key)
		return err
	})
	if errors.Is(err, errAsk) {
		drop()
		return c.get(ctx, key)
	}
	if err != nil {
		drop()
		return session.Record{}, nil, err
	}
	return rec, c.link.leases.settle(e, frame), nil
}

// errAsk begins a Get anew.
var errAsk = errors.New("ask again")

// userIn reads a locator.
func userIn(m rueidis.RedisMessage) (string, error) {
	if m.IsNil() {
		return "", session.ErrNotFound
	}
	user := text(m)
	if checkName(user) != nil {
		return "", errDamaged
	}
	return user, nil
}

// owner returns whose session it is.
func (c *Client) owner(ctx context.Context, key string) (user string, err error) {
	locator := c.tune.names.locator(key)
	err = c.retry(ctx, locator, func(n *node) error {
		answers, err := n.read(ctx, []string{"GET", locator})
		if err != nil {
			return err
		}
		user, err = userIn(answers[0])
		return err
	})
	return user, err
}

// present are the commands that tell whether a session is valid, beside its locator.
func (c *Client) present(user, key string) [][]string {
	return [][]string{
		{"GET", c.tune.names.record(user, key)},
		{"GET", c.tune.names.epoch(user)},
		{"HEXISTS", c.tune.names.index(user), key},
	}
}

// recordIn reads the answers to them.
func (c *Client) recordIn(answers []rueidis.RedisMessage, user, key string) (session.Record, string, error) {
	listed, err := answers[2].AsBool()
	if err != nil {
		return session.Record{}, "", errDamaged
	}
	if answers[0].IsNil() || answers[1].IsNil() || !listed {
		return session.Record{}, "", session.ErrNotFound
	}
	epoch, _, err := decodeEpoch(text(answers[1]))
	if err != nil {
		return session.Record{}, "", err
	}
	frame := text(answers[0])
	rec, err := decodeRecord(frame, epoch)
	rec.Key, rec.User = key, user
	return rec, frame, err
}

// Update replaces the value of a live session.
func (c *Client) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	if err := checkName(key); err != nil {
		return err
	}
	var own passed
	err := bounded(ctx, func(ctx context.Context) error {
		user, err := c.owner(ctx, key)
		if err != nil {
			return err
		}
		record := c.tune.names.record(user, key)
		unlock, err := c.link.locks.lock(ctx, record)
		if err != nil {
			return err
		}
		defer unlock()
		return c.transact(ctx, record, false, func(t *tx) error {
			answers, err := t.read(append([][]string{{"WATCH", record}}, c.present(user, key)...)...)
			if err != nil {
				return err
			}
			rec, frame, err := c.recordIn(answers[1:], user, key)
			if err != nil {
				return err
			}
			value, err := change(rec.Value)
			if err != nil {
				own = passed{err}
				return own
			}
			if len(value) > maxValue {
				return errTooLarge
			}
			defer c.link.leases.endKeys(record)
			// XX and KEEPTTL: what expired meanwhile stays away
			results, err := t.exec([]string{"SET", record, frame[:recordHead] + rueidis.BinaryString(value), "XX", "KEEPTTL"})
			if err == nil && results[0].IsNil() {
				return session.ErrNotFound
			}
			return err
		})
	})
	if own.error != nil {
		return own.error
	}
	return err
}

// Delete ends a session, if there is one.
func (c *Client) Delete(ctx context.Context, key string) error {
	if err := checkName(key); err != nil {
		return err
	}
	return bounded(ctx, func(ctx context.Context) error {
		locator := c.tune.names.locator(key)
		defer c.link.leases.endKeys(locator)
		user, err := c.owner(ctx, key)
		if errors.Is(err, session.ErrNotFound) {
			return nil // the locator goes only after replicas confirmed the end
		}
		if err != nil {
			return err
		}
		if err := c.end(ctx, user, key); err != nil {
			return err
		}
		c.forget(ctx, key)
		return nil
	})
}

// end removes a session's record, with which it is over, and its line in the index
// and in the counter.
func (c *Client) end(ctx context.Context, user, key string) error {
	record := c.tune.names.record(user, key)
	defer c.link.leases.endKeys(record)
	return c.transact(ctx, record, true, func(t *tx) error {
		_, err := t.remove([]string{"DEL", record}, []string{"HDEL", c.tune.names.index(user), key},
			c.tune.names.discounting(user, []string{key}))
		return err
	})
}

// forget removes the locators of sessions that are over. One that stays, because
// Redis went away just now, names nothing and expires.
func (c *Client) forget(ctx context.Context, keys ...string) {
	for _, key := range keys {
		locator := c.tune.names.locator(key)
		c.link.leases.endKeys(locator)
		err := c.transact(ctx, locator, true, func(t *tx) error {
			t.sent = true
			_, err := t.do([]string{"DEL", locator})
			return err
		})
		if err != nil {
			return
		}
	}
}
