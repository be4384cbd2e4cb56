// count.go: how many sessions there are, by app.

package redisstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore/internal/primary"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// One hash has, for each app and minute, how many sessions end in that minute.
// Sessions that expire leave the number without a command. What changes is
// gathered for half a second and written together, a few numbers however many logins
// there were, so that one key is in nobody's way: all sessions of an app expire
// equally late, in the same minute if they began in the same.
//
// What a node has not written when it crashes is missing until it would have
// expired, and so shows what Redis lost. This never asks who is logged in.
const (
	minute      = 60_000              // milliseconds
	tallyEvery  = time.Second / 2     // another node sees what changed within a second
	maxTally    = 100_000             // numbers: beyond it Redis is away for long, and charts have other worries
	tallyExpiry = 32 * 24 * time.Hour // of the hash, at least, after the last change
)

// tally is what is still to be written, by hash and field.
type tally struct {
	mu      sync.Mutex
	changes map[string]map[string]int
	size    int
}

func (t *tally) add(key, field string, delta int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changes == nil {
		t.changes = make(map[string]map[string]int)
	}
	fields := t.changes[key]
	if fields == nil {
		fields = make(map[string]int)
		t.changes[key] = fields
	}
	if _, known := fields[field]; !known {
		if t.size >= maxTally {
			return
		}
		t.size++
	}
	fields[field] += delta
}

// take returns what is to be written to a hash, which is the taker's now.
func (t *tally) take(key string) map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	fields := t.changes[key]
	t.size -= len(fields)
	delete(t.changes, key)
	return fields
}

// keys returns which hashes there is something to write to.
func (t *tally) keys() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Keys(t.changes))
}

// count notes that sessions of a user which end at a moment are more, or less.
func (c *Client) count(user string, ends int64, delta int) {
	if over(ends) {
		return
	}
	minutes := (ends + minute - 1) / minute
	c.link.tally.add(c.tune.names.counts(), session.AppTagOf(user)+strconv.FormatInt(minutes, 36), delta)
}

// Count returns how many live sessions there are, by app.
func (c *Client) Count(ctx context.Context) (counts map[string]int, err error) {
	err = primary.Bounded(ctx, func(ctx context.Context) error {
		if err := c.link.writeTally(ctx, c.tune.names.counts()); err != nil {
			return err
		}
		counts, err = c.readCounts(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}

// readCounts sums up, and forgets minutes that are over. It asks on a connection
// that is not tracked: the hash changes every second.
func (c *Client) readCounts(ctx context.Context) (map[string]int, error) {
	key := c.tune.names.counts()
	counts := make(map[string]int)
	err := c.link.servers.Transact(ctx, key, c.tune.confirm, func(t *primary.Tx) error {
		answers, err := t.Read([]string{"HGETALL", key})
		if errors.Is(err, primary.ErrWrongType) {
			_, err = t.Do([]string{"DEL", key}) // no hash of ours
			return err
		}
		if err != nil {
			return err
		}
		fields, err := answers[0].AsStrMap()
		if err != nil && !rueidis.IsRedisNil(err) {
			return errDamaged
		}
		clear(counts)
		now := (time.Now().UnixMilli() + minute - 1) / minute
		past := []string{"HDEL", key}
		for field, number := range fields {
			app := session.AppTagOf(field)
			ends, err := strconv.ParseInt(field[len(app):], 36, 64)
			n, err2 := strconv.Atoi(number)
			if err != nil || err2 != nil || ends < now {
				past = append(past, field)
				continue
			}
			counts[app] += n
		}
		if len(past) > 2 {
			_, err = t.Do(past)
		}
		return err
	})
	for app, n := range counts {
		if n <= 0 {
			delete(counts, app)
		}
	}
	return counts, err
}

// writeTally writes what changed. When that fails before anything was sent, it
// waits for the next time.
func (l *link) writeTally(ctx context.Context, key string) error {
	fields := l.tally.take(key)
	if len(fields) == 0 {
		return nil
	}
	sent := false
	err := l.servers.Transact(ctx, key, primary.Confirm{}, func(t *primary.Tx) error {
		var cmds [][]string
		for field, delta := range fields {
			if delta != 0 {
				cmds = append(cmds, []string{"HINCRBY", key, field, strconv.Itoa(delta)})
			}
		}
		if len(cmds) == 0 { // as many logouts as logins
			return nil
		}
		cmds = append(cmds, []string{"PEXPIREAT", key, pxat(expiry(time.Now().Add(tallyExpiry)))})
		if _, err := t.Do([]string{"PING"}); err != nil { // the connection may have been idle
			return err
		}
		sent = true
		_, err := t.Do(cmds...)
		if errors.Is(err, primary.ErrWrongType) { // no hash of ours
			_, err = t.Do(append([][]string{{"DEL", key}}, cmds...)...)
		}
		return err
	})
	if err != nil && (!sent || errors.Is(err, session.ErrFull) || primary.IsMoved(err)) {
		for field, delta := range fields {
			l.tally.add(key, field, delta)
		}
	}
	return err
}

var _ session.Counter = (*Client)(nil)
