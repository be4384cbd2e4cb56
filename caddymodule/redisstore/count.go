// count.go: how many sessions there are, by app.

package redisstore

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// One hash has, for each app and minute, how many sessions end in that minute.
// Sessions that expire leave the number without a command. What changes is
// gathered for a second and written together, a few numbers however many logins
// there were, so that one key is in nobody's way: all sessions of an app expire
// equally late, in the same minute if they began in the same.
//
// What a node has not written when it crashes is missing until it would have
// expired, and so shows what Redis lost. Who is logged in is never asked here.
const (
	minute      = 60_000 // milliseconds
	tallyEvery  = time.Second
	maxTally    = 100_000             // numbers: beyond it Redis is away for long, and charts have other worries
	tallyExpiry = 32 * 24 * time.Hour // of the hash, at least, after the last change
	countBatch  = 1000                // numbers in a command
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
	err = bounded(ctx, func(ctx context.Context) error {
		if err := c.writeTally(ctx); err != nil {
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
	err := c.transact(ctx, key, func(t *tx) error {
		answers, err := t.read([]string{"HGETALL", key})
		if errors.Is(err, errDamaged) {
			_, err = t.do([]string{"DEL", key}) // no hash of ours
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
			_, err = t.do(past)
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
func (c *Client) writeTally(ctx context.Context) error {
	key := c.tune.names.counts()
	fields := c.link.tally.take(key)
	if len(fields) == 0 {
		return nil
	}
	sent := false
	err := c.transact(ctx, key, func(t *tx) error {
		var cmds [][]string
		for field, delta := range fields {
			if delta != 0 {
				cmds = append(cmds, []string{"HINCRBY", key, field, strconv.Itoa(delta)})
			}
		}
		cmds = append(cmds, []string{"PEXPIREAT", key, pxat(expiry(time.Now().Add(tallyExpiry)))})
		if _, err := t.do([]string{"PING"}); err != nil { // the connection may have been idle
			return err
		}
		sent = true
		_, err := t.do(cmds...)
		if errors.Is(err, errDamaged) { // no hash of ours
			_, err = t.do(append([][]string{{"DEL", key}}, cmds...)...)
		}
		return err
	})
	if err != nil && (!sent || errors.Is(err, session.ErrFull) || isMoved(err)) {
		for field, delta := range fields {
			c.link.tally.add(key, field, delta)
		}
	}
	return err
}

// writeTallies writes, each second, for as long as the link lives.
func (l *link) writeTallies() {
	defer close(l.tallied)
	for over := false; !over; {
		select {
		case <-l.stop:
			over = true
		case <-time.After(tallyEvery):
		}
		l.tally.mu.Lock()
		var keys []string
		for key := range l.tally.changes {
			keys = append(keys, key)
		}
		l.tally.mu.Unlock()
		for _, key := range keys {
			ctx, cancel := context.WithTimeout(context.Background(), tallyEvery)
			c := &Client{link: l, tune: tuning{names: names{key[:len(key)-1]}}}
			_ = c.writeTally(ctx)
			cancel()
		}
	}
}

var _ session.Counter = (*Client)(nil)
