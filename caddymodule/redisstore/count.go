// count.go: how many sessions there are, by app.

package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Every group of users has, for each app, a sorted set of its sessions by expiry:
// in the slot of those users, so that it changes in the very transaction of a
// login or logout, at the cost of no further exchange. One set for a whole app
// would be on one server of a Cluster, and in the way of every login; one for each
// user could not be found without a look at every user.
//
// What Redis lost, and a login that met the end of all the user's sessions on
// another node, shows in the number until its expiry, and nowhere else: who is
// logged in is never asked here.

// countBatch is how many groups are asked about in one exchange: Redis answers
// others in between.
const countBatch = 128

// Count returns how many live sessions there are, by app. It asks on connections
// that are not tracked: a counter changes with every login.
func (c *Client) Count(ctx context.Context) (counts map[string]int, err error) {
	groups := make([]int, groupCount)
	for g := range groups {
		groups[g] = g
	}
	err = bounded(ctx, func(ctx context.Context) error {
		counts, err = c.count(ctx, groups)
		return err
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}

// count counts the sessions in some groups.
func (c *Client) count(ctx context.Context, groups []int) (map[string]int, error) {
	batches := make(map[*node][]int)
	for _, g := range groups {
		n, err := c.link.pick(c.tune.names.apps(g))
		if err != nil {
			return nil, err
		}
		batches[n] = append(batches[n], g)
	}
	sum := make(map[string]int)
	for _, batch := range batches {
		for part := range slices.Chunk(batch, countBatch) {
			var found map[string]int
			err := c.transact(ctx, c.tune.names.apps(part[0]), true, func(t *tx) (err error) {
				found, err = t.count(part)
				return err
			})
			if err != nil {
				return nil, err
			}
			for app, n := range found {
				sum[app] += n
			}
		}
	}
	return sum, nil
}

// count asks one server: for the apps of each group, and then for their numbers.
func (t *tx) count(groups []int) (map[string]int, error) {
	names := t.tune.names
	cmds := make([][]string, len(groups))
	for i, g := range groups {
		cmds[i] = []string{"HGETALL", names.apps(g)}
	}
	answers, err := t.read(cmds...)
	if err != nil {
		return nil, err
	}
	var of []string // the app of each command
	cmds = cmds[:0]
	live := fmt.Sprintf("(%d", time.Now().UnixMilli())
	for i, a := range answers {
		apps, err := appsIn(a)
		if err != nil {
			return nil, err
		}
		for app := range apps {
			of = append(of, app)
			cmds = append(cmds, []string{"ZCOUNT", names.counter(groups[i], app), live, "+inf"})
		}
	}
	counts := make(map[string]int)
	if len(cmds) == 0 {
		return counts, nil
	}
	if answers, err = t.read(cmds...); err != nil {
		return nil, err
	}
	for i, a := range answers {
		n, err := a.AsInt64()
		if err != nil {
			return nil, errDamaged
		}
		counts[of[i]] += int(n)
	}
	return counts, nil
}

// counting are the writes that count a session that was made and discount those
// that it pushed out. kept says until when Redis keeps the counters of the group.
func (n names) counting(rec session.Record, out []string, kept map[string]int64) [][]string {
	group, app, until := groupOf(rec.User), session.AppTagOf(rec.User), expiry(rec.ExpiresAt)
	counter := n.counter(group, app)
	writes := [][]string{
		{"ZADD", counter, fmt.Sprint(until), rec.Key},
		{"ZREMRANGEBYSCORE", counter, "-inf", fmt.Sprint(time.Now().UnixMilli())}, // those who never logged out
	}
	if len(out) > 0 {
		writes = append(writes, n.discounting(rec.User, out))
	}
	if kept[app] < until {
		kept[app] = spare(until)
		writes = append(writes,
			[]string{"HSET", n.apps(group), app, encodeMoment(kept[app])},
			[]string{"PEXPIREAT", n.apps(group), pxat(slices.Max(slices.Collect(maps.Values(kept))))})
	}
	// each time: a set that became empty meanwhile was made anew, without an expiry
	return append(writes, []string{"PEXPIREAT", counter, pxat(kept[app])})
}

// discounting is the write that takes sessions of a user off the counter.
func (n names) discounting(user string, keys []string) []string {
	return append([]string{"ZREM", n.counter(groupOf(user), session.AppTagOf(user))}, keys...)
}

// appsIn reads which apps have sessions in a group, and until when their counters
// are kept. One that cannot be read is written anew by the next login.
func appsIn(m rueidis.RedisMessage) (map[string]int64, error) {
	fields, err := m.AsStrMap()
	if err != nil && !rueidis.IsRedisNil(err) {
		return nil, errDamaged
	}
	kept := make(map[string]int64, len(fields)+1)
	for app, moment := range fields {
		kept[app] = 0
		if len(moment) == 8 {
			kept[app] = int64(binary.BigEndian.Uint64([]byte(moment)))
		}
	}
	return kept, nil
}

func encodeMoment(ms int64) string { return string(binary.BigEndian.AppendUint64(nil, uint64(ms))) }

var _ session.Counter = (*Client)(nil)
