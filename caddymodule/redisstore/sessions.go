// sessions.go: the calls about sessions.

package redisstore

import (
	"context"
	"errors"

	"github.com/redis/rueidis"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore/internal/primary"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// read returns what is kept of a user.
func (c *Client) read(ctx context.Context, n primary.Server, key string) (*bundle, error) {
	answers, err := n.Read(ctx, []string{"HGETALL", key})
	return bundleOf(answers, 0, err)
}

func bundleOf(answers []rueidis.RedisMessage, at int, err error) (*bundle, error) {
	if errors.Is(err, primary.ErrWrongType) {
		return &bundle{foreign: true}, nil
	}
	if err != nil {
		return nil, err
	}
	return bundleIn(answers[at])
}

// look lets f see what is kept of a user, and again when the server was the wrong one.
func (c *Client) look(ctx context.Context, user string, f func(*bundle) error) error {
	if err := checkName(user); err != nil {
		return err
	}
	key := c.tune.names.user(user)
	return primary.Bounded(ctx, func(ctx context.Context) error {
		return c.link.servers.Retry(ctx, key, func(n primary.Server) error {
			b, err := c.read(ctx, n, key)
			if err != nil {
				return err
			}
			return f(b)
		})
	})
}

// Get returns the record and a lease on it, in one exchange. The lease lives
// while the server that was asked proves that it would tell of a change.
func (c *Client) Get(ctx context.Context, key string) (rec session.Record, lease *session.Lease, err error) {
	user, name, err := splitKey(key)
	if err != nil {
		return rec, nil, err
	}
	err = primary.Bounded(ctx, func(ctx context.Context) error {
		// the echo of an earlier write may end a lease before it is handed out: what
		// was read is right, but another read gives a lease that is of use
		again := true
		for tries := 0; tries < 3 && again; tries++ {
			rec, lease, again, err = c.get(ctx, user, name)
		}
		return err
	})
	if err != nil {
		return session.Record{}, nil, err
	}
	return rec, lease, nil
}

func (c *Client) get(ctx context.Context, user, name string) (rec session.Record, lease *session.Lease, again bool, err error) {
	key := c.tune.names.user(user)
	err = c.link.servers.Retry(ctx, key, func(n primary.Server) error {
		e := c.link.leases.begin(key, n.Node)
		b, err := c.read(ctx, n, key)
		var p *part
		if err == nil {
			p, err = b.session(name)
		}
		if err != nil {
			c.link.leases.drop(e)
			return err
		}
		rec = p.record(user)
		if n.Asked { // while the slot moves
			c.link.leases.drop(e)
			lease, again = &e.lease, false
			return nil
		}
		lease = c.link.leases.settle(e, name+string(p.data))
		again = !lease.Live()
		return nil
	})
	return rec, lease, again, err
}

// Create adds a session, and changes the user's value, in one transaction.
func (c *Client) Create(ctx context.Context, rec session.Record, limit int, value func([]byte) ([]byte, error)) error {
	user, name, err := splitKey(rec.Key)
	if err != nil || user != rec.User {
		return errName
	}
	if len(rec.Value) > maxValue {
		return errTooLarge
	}
	until := expiry(rec.ExpiresAt)
	if over(until - 1) {
		return c.Delete(ctx, rec.Key)
	}
	var gone []*part
	err = c.change(ctx, user, func(b *bundle) (set []string, err error) {
		b.tidy()
		gone = nil
		if value != nil {
			if set, err = b.putValue(value, until); err != nil {
				return nil, err
			}
		}
		if old := b.find(name); old != nil {
			gone = append(gone, old)
			b.drop(old)
		}
		have := b.sessions()
		for limit > 0 && len(have) >= limit {
			gone = append(gone, have[0])
			b.drop(have[0])
			have = have[1:]
		}
		p := &part{name: name, expires: until, issued: rec.IssuedAt.UnixMilli(), data: rec.Value}
		return append(set, b.put(p)...), nil
	})
	if err != nil {
		return err
	}
	c.count(user, until, 1)
	for _, p := range gone {
		c.count(user, p.expires, -1)
	}
	return nil
}

// Update replaces the value of a live session.
func (c *Client) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	user, name, err := splitKey(key)
	if err != nil {
		return err
	}
	return c.change(ctx, user, func(b *bundle) ([]string, error) {
		p, err := b.session(name)
		if err != nil {
			return nil, err
		}
		data, err := change(p.data)
		if err != nil {
			return nil, passed{err}
		}
		if len(data) > maxValue {
			return nil, errTooLarge
		}
		return b.put(&part{name: name, expires: p.expires, issued: p.issued, data: data}), nil
	})
}

// Delete ends a session, if there is one. One that is not there any more is
// deleted all the same: an earlier call may have failed because too few replicas
// had confirmed it.
func (c *Client) Delete(ctx context.Context, key string) error {
	user, name, err := splitKey(key)
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = c.end(ctx, user, func(p *part) bool { return p.name == name }, name)
	return err
}

// DeleteUser ends all sessions of a user. The value stays.
func (c *Client) DeleteUser(ctx context.Context, user string) (ended int, err error) {
	return c.end(ctx, user, func(*part) bool { return true }, "")
}

// end deletes sessions of a user and returns how many it was that ended. It needs
// no transaction, in which a full Redis would take no command: each session ends by
// a command of its own, and what another call does to it meanwhile is undone by its
// WATCH. name is one to delete in any case.
func (c *Client) end(ctx context.Context, user string, which func(*part) bool, name string) (ended int, err error) {
	key := c.tune.names.user(user)
	err = primary.Bounded(ctx, func(ctx context.Context) error {
		var cmds [][]string
		var live []*part
		err := c.look(ctx, user, func(b *bundle) error {
			cmds, live = nil, nil
			if b.foreign {
				cmds = [][]string{{"DEL", key}}
				return nil
			}
			rest := []string{"HDEL", key}
			for _, p := range b.parts {
				switch {
				case p.name == valueName || !which(p):
				case p.live():
					live = append(live, p)
					cmds = append(cmds, append([]string{"HDEL", key}, p.fields...))
				default:
					rest = append(rest, p.fields...)
				}
			}
			if name != "" && len(live) == 0 {
				rest = append(rest, name)
			}
			if len(rest) > 2 {
				cmds = append(cmds, rest)
			}
			return nil
		})
		if err != nil || len(cmds) == 0 {
			return err
		}
		if len(live) > 0 {
			defer c.link.leases.Changed(key)
		}
		answers, err := c.link.servers.Write(ctx, key, c.tune.confirm, cmds...)
		if err != nil {
			return err
		}
		for i, p := range live {
			if n, _ := answers[i].AsInt64(); n > 0 {
				ended++
				c.count(user, p.expires, -1)
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return ended, nil
}

// List returns the live sessions of a user, oldest first.
func (c *Client) List(ctx context.Context, user string) (recs []session.Record, err error) {
	err = c.look(ctx, user, func(b *bundle) error {
		recs = nil
		for _, p := range b.sessions() {
			recs = append(recs, p.record(user))
		}
		return nil
	})
	return recs, err
}

// change makes of what is kept of a user what f makes of it, if nobody else changes
// it meanwhile; else f is called again. f returns the fields to set. Its own errors
// are returned as they are, and nothing is written.
func (c *Client) change(ctx context.Context, user string, f func(*bundle) (set []string, err error)) error {
	key := c.tune.names.user(user)
	var own passed
	err := primary.Bounded(ctx, func(ctx context.Context) error {
		unlock, err := c.link.locks.Lock(ctx, key)
		if err != nil {
			return err
		}
		defer unlock()
		return c.link.servers.Transact(ctx, key, c.tune.confirm, func(t *primary.Tx) error {
			answers, err := t.Read([]string{"WATCH", key}, []string{"HGETALL", key})
			b, err := bundleOf(answers, 1, err)
			if err != nil {
				return err
			}
			set, err := f(b)
			if err != nil {
				errors.As(err, &own)
				return err
			}
			cmds := b.writes(key, set)
			if len(cmds) == 0 {
				return nil
			}
			defer c.link.leases.Changed(key)
			_, err = t.Exec(cmds...)
			return err
		})
	})
	if own.error != nil && errors.As(err, new(passed)) {
		return own.error
	}
	return err
}
