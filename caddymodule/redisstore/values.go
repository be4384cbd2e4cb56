// values.go: the calls about marks and shared values.

package redisstore

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore/internal/primary"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Mark sets a mark unless it is set already. When the answer was lost it is sent again, and
// finds the mark that it may have set: the mark tells whose it is.
func (c *Client) Mark(ctx context.Context, key string, until time.Time) (first bool, err error) {
	if err := checkName(key); err != nil {
		return false, err
	}
	ms := expiry(until)
	name := c.tune.names.mark(key)
	mine := rand.Text()[:12] // 60 bits: enough among the calls for one mark
	err = primary.Bounded(ctx, func(ctx context.Context) error {
		if over(ms - 1) {
			return nil // it would not stand, and must take none away
		}
		answers, err := c.link.servers.Write(ctx, name, c.tune.confirm, []string{"SET", name, mine, "NX", "PXAT", pxat(ms)})
		if first = err == nil && !answers[0].IsNil(); first || err != nil {
			return err
		}
		answers, err = c.link.servers.Write(ctx, name, primary.Confirm{}, []string{"GET", name})
		if err != nil {
			return err
		}
		whose, err := answers[0].ToString()
		first = err == nil && whose == mine
		return nil
	})
	return first && err == nil, err
}

// Value returns a shared value, or session.ErrNotFound.
func (c *Client) Value(ctx context.Context, key string) (value []byte, err error) {
	err = c.look(ctx, key, func(b *bundle) error {
		if p := b.find(valueName); b.foreign || p != nil && p.damaged {
			return errDamaged
		}
		if value = b.value(); value == nil {
			return session.ErrNotFound
		}
		return nil
	})
	return value, err
}

// UpdateValue sets, changes or deletes a shared value.
func (c *Client) UpdateValue(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
	if err := checkName(key); err != nil {
		return err
	}
	return c.change(ctx, key, func(b *bundle) ([]string, error) {
		b.tidy()
		return b.putValue(change, expiry(until))
	})
}

// putValue makes of the value what change makes of it.
func (b *bundle) putValue(change func([]byte) ([]byte, error), until int64) ([]string, error) {
	value, err := change(b.value())
	switch {
	case err != nil:
		return nil, passed{err}
	case len(value) > maxValue:
		return nil, errTooLarge
	case value == nil || over(until-1):
		if old := b.find(valueName); old != nil {
			b.drop(old)
		}
		return nil, nil
	}
	return b.put(&part{name: valueName, expires: until, data: value}), nil
}
