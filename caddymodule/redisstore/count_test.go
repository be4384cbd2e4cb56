// count_test.go: what the conformance suite cannot see of counting.

package redisstore

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func wantCount(t testing.TB, c *Client, r session.Record, want int) {
	t.Helper()
	counts, err := c.Count(ctx)
	if err != nil || counts[session.AppTagOf(r.User)] != want {
		t.Errorf("Count = %v, %v, want %d", counts, err, want)
	}
}

// Most users never log out: an expired session is not counted any more, and what
// it leaves in Redis goes with the next look.
func TestExpiredSessionsAreNotCounted(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := openOn(t, s)
	create(t, c, rec(1, 1))
	wantCount(t, c, rec(1, 1), 1)
	app, key := session.AppTagOf(rec(1, 1).User), c.tune.names.counts()
	over := time.Now().Add(-time.Minute).UnixMilli() / minute
	s.say("HSET", key, app+strconv.FormatInt(over, 36), "7", app+"nonsense!", "7", "x", "y", app+strconv.FormatInt(over+90, 36), "z")
	before := s.say("HLEN", key)
	wantCount(t, c, rec(1, 1), 1)
	if after := s.say("HLEN", key); before == after || len(after) != 1 {
		t.Errorf("the numbers of minutes that are over stay: %s, %s before", after, before)
	}
}

// Logins cost no command for being counted: what changes in a second is written
// together.
func TestManyLoginsAreCountedTogether(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := openOn(t, s)
	start := time.Now()
	for user := range 300 {
		create(t, c, rec(user, 1))
	}
	wantCount(t, c, rec(1, 1), 300)
	calls := s.say("INFO", "commandstats")
	_, calls, _ = strings.Cut(calls, "cmdstat_hincrby:calls=")
	n := 0
	fmt.Sscan(strings.ReplaceAll(calls, ",", " "), &n)
	if most := 4 * (2 + int(time.Since(start).Seconds())); n == 0 || n > most {
		t.Errorf("300 logins were counted by %d commands, want at most %d", n, most)
	}
}

// What is counted in the last second is written when the gateway ends, or loads
// another configuration.
func TestCountsSurviveClose(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c, err := New(Options{URLs: []string{s.url()}})
	if err != nil {
		t.Fatal(err)
	}
	for user := range 20 {
		create(t, c, rec(user, 1))
	}
	c.Close()
	wantCount(t, openOn(t, s), rec(1, 1), 20)
}

// Numbers that were lost or damaged are wrong until their sessions are over. They
// are in nobody's way: logins and logouts go on, and what comes new is counted.
func TestLostCountersAreInNobodysWay(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := openOn(t, s)
	key := c.tune.names.counts()
	for n, spoil := range [][]string{{"DEL", key}, {"SET", key, "nonsense"}, {"LPUSH", key, "nonsense"}} {
		create(t, c, rec(1, 1))
		wantCount(t, c, rec(1, 1), 1)
		s.say("DEL", key)
		s.say(spoil...)
		create(t, c, rec(1, 2))
		get(t, c, rec(1, 1).Key)
		wantCount(t, c, rec(1, 1), 1)
		if ended, err := c.DeleteUser(ctx, rec(1, 1).User); err != nil || ended != 2 {
			t.Errorf("%d: DeleteUser = %d, %v, want 2", n, ended, err)
		}
		wantCount(t, c, rec(1, 1), 0)
		s.say("DEL", key)
	}
}

// A counter changes with every login. If Redis told each gateway about that, a
// metric would cost more than the logins.
func TestCountingIsNotTracked(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := openOn(t, s)
	for user := range 50 {
		create(t, c, rec(user, 1))
	}
	before := stat(s, "tracking_total_keys")
	wantCount(t, c, rec(1, 1), 50)
	if now := stat(s, "tracking_total_keys"); now > before+1 { // the gateway's own probe
		t.Errorf("Redis tracks %d keys, %d before", now, before)
	}
}

// No server of a Cluster has more than its share of the users.
func TestUsersAreSpreadOverACluster(t *testing.T) {
	n := names{"wechat:"}
	for _, servers := range []int{3, 6, 24} {
		users := make([]int, servers)
		for user := range 60_000 {
			users[slotOf(n.user(fmt.Sprintf("app1%018d", user)))*servers/slotCount]++
		}
		for i, have := range users {
			if want := 60_000 / servers; have < want*9/10 || have > want*11/10 {
				t.Errorf("of %d servers the %d. has %d users, want about %d", servers, i+1, have, want)
			}
		}
	}
}

// No server, no number: better than one that says that nobody is logged in.
func TestCountOfServerThatIsGone(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := openOn(t, s)
	create(t, c, rec(1, 1))
	wantCount(t, c, rec(1, 1), 1)
	s.kill()
	start := time.Now()
	if counts, err := c.Count(ctx); err == nil || counts != nil {
		t.Errorf("Count = %v, %v, want an error", counts, err)
	}
	if took := time.Since(start); took > callLimit+500*time.Millisecond {
		t.Errorf("Count took %v", took)
	}
	s.start()
	eventually(t, 5*time.Second, "it counts again", func() bool {
		counts, err := c.Count(ctx)
		return err == nil && len(counts) == 0 // this server keeps nothing
	})
}

// A user may have been pushed out, expired or thrown out; the sessions that List
// tells of are those that are counted, on a server that is used by three gateways.
func TestCountAgreesAcrossNodes(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	nodes := []*Client{openOn(t, s), openOn(t, s), openOn(t, s)}
	done := make(chan error, 60)
	for i := range 60 {
		go func() {
			for n := range 10 {
				if err := nodes[i%3].Create(ctx, rec(i%7, n+10*i), 5, nil); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 60 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range nodes {
		eventually(t, 3*time.Second, "all gateways have told of their logins", func() bool {
			counts, err := c.Count(ctx)
			return err == nil && counts[session.AppTagOf(rec(1, 1).User)] == 35
		})
	}
}

func BenchmarkCount(b *testing.B) {
	c := openOn(b, startServer(b))
	for user := range 10_000 {
		create(b, c, rec(user, 1))
	}
	for b.Loop() {
		wantCount(b, c, rec(1, 1), 10_000)
	}
}
