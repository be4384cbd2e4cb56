// values.go: the calls about marks and shared values.

package redisstore

import (
	"context"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Mark sets a mark unless it stands. When the answer was lost, it is sent again,
// and finds the mark that it may have set: then nobody is first any more.
func (c *Client) Mark(ctx context.Context, key string, until time.Time) (first bool, err error) {
	if err := checkName(key); err != nil {
		return false, err
	}
	ms := expiry(until)
	name := c.tune.names.mark(key)
	err = bounded(ctx, func(ctx context.Context) error {
		if over(ms - 1) {
			return nil // it would not stand, and must take none away
		}
		answers, err := c.write(ctx, name, []string{"SET", name, "1", "NX", "PXAT", pxat(ms)})
		first = err == nil && !answers[0].IsNil()
		return err
	})
	return first && err == nil, err
}

// Value returns a shared value, or session.ErrNotFound.
func (c *Client) Value(ctx context.Context, key string) (value []byte, err error) {
	if err := checkName(key); err != nil {
		return nil, err
	}
	name := c.tune.names.user(key)
	err = bounded(ctx, func(ctx context.Context) error {
		return c.retry(ctx, name, func(n *node) error {
			b, err := c.read(ctx, n, name)
			if err != nil {
				return err
			}
			if p := b.find(valueName); b.foreign || p != nil && p.damaged {
				return errDamaged
			}
			if value = b.value(); value == nil {
				return session.ErrNotFound
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return value, nil
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
