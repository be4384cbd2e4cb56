// users.go: the calls about all sessions of a user.

package redisstore

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/redis/rueidis"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// line is a session's line in the index of its user.
type line struct {
	key             string
	issued, expires int64
}

// linesIn reads an index, oldest first. Lines that cannot be read are listed as
// expired: they are in nobody's way and go with the next Create.
func linesIn(m rueidis.RedisMessage) ([]line, error) {
	fields, err := m.AsStrMap()
	if err != nil && !rueidis.IsRedisNil(err) {
		return nil, errDamaged
	}
	lines := make([]line, 0, len(fields))
	for key, times := range fields {
		l := line{key: key}
		if len(times) == indexEntry {
			l.issued, l.expires = timesOf(times)
		}
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.issued, b.issued), cmp.Compare(a.key, b.key))
	})
	return lines, nil
}

// own returns which of the lines have a locator that names the user. The others
// are no sessions: their locator is gone, or names somebody else.
func (c *Client) own(ctx context.Context, user string, lines []line) ([]line, error) {
	batches := make(map[*node][]line)
	for _, l := range lines {
		if checkName(l.key) != nil || over(l.expires) {
			continue
		}
		n, err := c.link.pick(c.tune.names.locator(l.key))
		if err != nil {
			return nil, err
		}
		batches[n] = append(batches[n], l)
	}
	var own []line
	for n, batch := range batches {
		cmds := make([][]string, len(batch))
		for i, l := range batch {
			cmds[i] = []string{"GET", c.tune.names.locator(l.key)}
		}
		answers, err := n.read(ctx, cmds...)
		if err != nil {
			return nil, err
		}
		for i, a := range answers {
			if text(a) == user {
				own = append(own, batch[i])
			}
		}
	}
	return own, nil
}

// List returns the live sessions of a user, oldest first: those that Get returns.
func (c *Client) List(ctx context.Context, user string) (recs []session.Record, err error) {
	if err := checkName(user); err != nil {
		return nil, err
	}
	err = bounded(ctx, func(ctx context.Context) error {
		_, recs, err = c.list(ctx, user)
		return err
	})
	if err != nil {
		return nil, err
	}
	return recs, nil
}

// list returns the lines of a user's index, and the live sessions.
func (c *Client) list(ctx context.Context, user string) (lines []line, recs []session.Record, err error) {
	index := c.tune.names.index(user)
	err = c.retry(ctx, index, func(n *node) error {
		answers, err := n.read(ctx, []string{"HGETALL", index})
		if err != nil {
			return err
		}
		if lines, err = linesIn(answers[0]); err != nil {
			return err
		}
		own, err := c.own(ctx, user, lines)
		if err != nil {
			return err
		}
		recs, err = c.records(ctx, n, user, own)
		return err
	})
	return lines, recs, err
}

// records reads the sessions of the lines. One that ended meanwhile is left out.
func (c *Client) records(ctx context.Context, n *node, user string, lines []line) ([]session.Record, error) {
	if len(lines) == 0 {
		return nil, nil
	}
	cmds := make([][]string, 0, 3*len(lines))
	for _, l := range lines {
		cmds = append(cmds, c.present(user, l.key)...)
	}
	answers, err := n.read(ctx, cmds...)
	if err != nil {
		return nil, err
	}
	var recs []session.Record
	for i, l := range lines {
		rec, _, err := c.recordIn(answers[3*i:3*i+3], user, l.key)
		if errors.Is(err, session.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		recs = append(recs, rec)
	}
	slices.SortFunc(recs, func(a, b session.Record) int {
		return cmp.Or(a.IssuedAt.Compare(b.IssuedAt), cmp.Compare(a.Key, b.Key))
	})
	return recs, nil
}

// DeleteUser ends all sessions of a user by ending the epoch, those too that are
// not listed any more; the rest is tidying up.
func (c *Client) DeleteUser(ctx context.Context, user string) (ended int, err error) {
	if err := checkName(user); err != nil {
		return 0, err
	}
	err = bounded(ctx, func(ctx context.Context) error {
		names := c.tune.names
		index, epoch := names.index(user), names.epoch(user)
		unlock, err := c.link.locks.lock(ctx, index)
		if err != nil {
			return err
		}
		defer unlock()
		lines, recs, err := c.list(ctx, user)
		if err != nil {
			return err
		}
		cmds := [][]string{{"DEL", epoch}}
		for _, r := range recs { // first: their answers are counted
			cmds = append(cmds, []string{"DEL", names.record(user, r.Key)})
		}
		var listed []string
		for _, l := range lines {
			if checkName(l.key) == nil {
				cmds = append(cmds, []string{"DEL", names.record(user, l.key)})
			}
			cmds = append(cmds, []string{"HDEL", index, l.key})
			listed = append(listed, l.key)
		}
		if len(listed) > 0 {
			cmds = append(cmds, names.discounting(user, listed))
		}
		defer c.link.leases.endKeys(epoch)
		err = c.transact(ctx, index, true, func(t *tx) error {
			answers, err := t.remove(cmds...)
			for i := range min(len(recs), len(answers)-1) {
				if n, _ := answers[i+1].AsInt64(); n == 1 {
					ended++
				}
			}
			return err
		})
		if err != nil {
			return err
		}
		keys := make([]string, len(recs))
		for i, r := range recs {
			keys[i] = r.Key
		}
		c.forget(ctx, keys...)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return ended, nil
}
