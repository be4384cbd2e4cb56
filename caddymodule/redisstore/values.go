// values.go: the calls about marks and shared values.

package redisstore

import (
	"context"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Mark sets a mark unless it stands. It is sent once: when its answer is lost,
// the call fails and the mark may stand, so nobody is first any more.
func (c *Client) Mark(ctx context.Context, key string, until time.Time) (first bool, err error) {
	if err := checkName(key); err != nil {
		return false, err
	}
	name := c.tune.names.mark(key)
	err = bounded(ctx, func(ctx context.Context) error {
		ms := expiry(until)
		if over(ms - 1) {
			return nil // it would not stand, and must take none away
		}
		return c.transact(ctx, name, false, func(t *tx) error {
			first = false
			// the look ahead proves the connection before something is at stake
			answers, err := t.read([]string{"WATCH", name}, []string{"GET", name})
			if err != nil || !answers[1].IsNil() {
				return err
			}
			results, err := t.exec([]string{"SET", name, "1", "NX", "PXAT", pxat(ms)})
			if err != nil {
				return err
			}
			first = !results[0].IsNil()
			return nil
		})
	})
	return first && err == nil, err
}

// Value returns a shared value, or session.ErrNotFound.
func (c *Client) Value(ctx context.Context, key string) (value []byte, err error) {
	if err := checkName(key); err != nil {
		return nil, err
	}
	name := c.tune.names.value(key)
	err = bounded(ctx, func(ctx context.Context) error {
		return c.retry(ctx, name, func(n *node) error {
			answers, err := n.read(ctx, []string{"GET", name})
			if err != nil {
				return err
			}
			if answers[0].IsNil() {
				return session.ErrNotFound
			}
			if value, err = decodeValue(text(answers[0])); err == nil && value == nil {
				return session.ErrNotFound
			}
			return err
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
	name := c.tune.names.value(key)
	var own passed
	err := bounded(ctx, func(ctx context.Context) error {
		unlock, err := c.link.locks.lock(ctx, name)
		if err != nil {
			return err
		}
		defer unlock()
		return c.transact(ctx, name, false, func(t *tx) error {
			answers, err := t.read([]string{"WATCH", name}, []string{"GET", name})
			if err != nil {
				return err
			}
			var before []byte
			if !answers[1].IsNil() {
				if before, err = decodeValue(text(answers[1])); err != nil {
					return err
				}
			}
			after, err := change(before)
			if err != nil {
				own = passed{err}
				return own
			}
			if len(after) > maxValue {
				return errTooLarge
			}
			ms := expiry(until)
			if after == nil || over(ms-1) {
				_, err = t.exec([]string{"DEL", name})
			} else {
				_, err = t.exec([]string{"SET", name, encodeValue(ms, after), "PXAT", pxat(ms)})
			}
			return err
		})
	})
	if own.error != nil {
		return own.error
	}
	return err
}
