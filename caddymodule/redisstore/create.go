// create.go: a login, and whom it pushes out.

package redisstore

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Create adds a session. Its locator comes first, its record and its line in the
// index together: only then it is there.
func (c *Client) Create(ctx context.Context, rec session.Record, limit int) error {
	if err := checkName(rec.Key, rec.User); err != nil {
		return err
	}
	if len(rec.Value) > maxValue {
		return errTooLarge
	}
	if until := expiry(rec.ExpiresAt); over(until - 1) {
		return c.Delete(ctx, rec.Key)
	}
	return bounded(ctx, func(ctx context.Context) error {
		locator := c.tune.names.locator(rec.Key)
		defer c.link.leases.endKeys(locator, c.tune.names.record(rec.User, rec.Key))
		before := ""
		err := c.transact(ctx, locator, true, func(t *tx) error {
			t.sent = true
			answers, err := t.do([]string{"SET", locator, rec.User, "PXAT", pxat(expiry(rec.ExpiresAt)), "GET"})
			if err == nil {
				before = text(answers[0])
			}
			return err
		})
		if err != nil {
			return err
		}
		if before != "" && before != rec.User && checkName(before) == nil {
			if err := c.end(ctx, before, rec.Key); err != nil {
				return err
			}
		}
		index := c.tune.names.index(rec.User)
		unlock, err := c.link.locks.lock(ctx, index)
		if err != nil {
			return err
		}
		var out []string
		err = c.transact(ctx, index, false, func(t *tx) error {
			out, err = c.create(t, rec, limit)
			return err
		})
		unlock()
		for _, key := range out {
			c.link.leases.endKeys(c.tune.names.record(rec.User, key))
		}
		if err != nil {
			return err
		}
		c.forget(ctx, out...)
		return nil
	})
}

// create is one attempt. It returns whom the new session pushes out.
func (c *Client) create(t *tx, rec session.Record, limit int) (out []string, err error) {
	names := c.tune.names
	index, epochKey := names.index(rec.User), names.epoch(rec.User)
	answers, err := t.read([]string{"WATCH", index, epochKey},
		[]string{"HGETALL", index}, []string{"GET", epochKey}, []string{"HGETALL", names.apps(groupOf(rec.User))})
	if err != nil {
		return nil, err
	}
	lines, err := linesIn(answers[1])
	if err != nil {
		return nil, err
	}
	epoch, kept, err := decodeEpoch(text(answers[2]))
	if err != nil {
		return nil, err
	}
	counters, err := appsIn(answers[3])
	if err != nil {
		return nil, err
	}
	none := epoch == ""
	if none {
		epoch = newEpoch() // and what is listed is of another one: it is over
	}
	until := expiry(rec.ExpiresAt)
	last, live := until, 1
	for _, l := range lines {
		switch {
		case l.key == rec.Key:
		case none || over(l.expires):
			out = append(out, l.key)
		default:
			live++
			last = max(last, l.expires)
		}
	}
	for _, l := range lines {
		if limit <= 0 || live <= limit {
			break
		}
		if l.key != rec.Key && !none && !over(l.expires) && !slices.Contains(out, l.key) {
			out = append(out, l.key)
			live--
		}
	}
	issued := rec.IssuedAt.UnixMilli()
	writes := [][]string{
		{"SET", names.record(rec.User, rec.Key), encodeRecord(epoch, issued, until, rec.Value), "PXAT", pxat(until)},
		{"HSET", index, rec.Key, encodeTimes(issued, until)},
	}
	for _, key := range out {
		if checkName(key) == nil {
			writes = append(writes, []string{"DEL", names.record(rec.User, key)})
		}
		writes = append(writes, []string{"HDEL", index, key})
	}
	writes = append(writes, []string{"PEXPIREAT", index, pxat(last)})
	if none || kept < until {
		kept = spare(until)
		writes = append(writes, []string{"SET", epochKey, encodeEpoch(epoch, kept), "PXAT", pxat(kept)})
	}
	_, err = t.exec(append(writes, names.counting(rec, out, counters)...)...)
	return slices.DeleteFunc(out, func(key string) bool { return checkName(key) != nil }), err
}

// newEpoch makes an epoch that no user has had.
func newEpoch() string {
	var b [epochSize]byte
	rand.Read(b[:])
	return string(b[:])
}

// spare is how much longer than a session the epoch is kept: renewing its expiry
// ends the leases of the user's other sessions, so it is done seldom.
func spare(until int64) int64 { return until + (until-time.Now().UnixMilli())/2 }
