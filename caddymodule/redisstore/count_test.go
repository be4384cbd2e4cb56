// count_test.go: what the conformance suite cannot see of counting.

package redisstore

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// counterOf is the counter that a session is in.
func counterOf(c *Client, r session.Record) string {
	return c.tune.names.counter(groupOf(r.User), session.AppTagOf(r.User))
}

func wantCount(t testing.TB, c *Client, r session.Record, want int) {
	t.Helper()
	counts, err := c.Count(ctx)
	if err != nil || counts[session.AppTagOf(r.User)] != want {
		t.Errorf("Count = %v, %v, want %d", counts, err, want)
	}
}

// Most users never log out: an expired session is not counted any more, and what
// it leaves in Redis goes with the next login.
func TestExpiredSessionsAreNotCounted(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := openOn(t, s)
	until := time.Now().Add(time.Second)
	for n := range 5 {
		r := rec(1, n)
		r.ExpiresAt = until
		create(t, c, r)
	}
	wantCount(t, c, rec(1, 1), 5)
	time.Sleep(time.Until(until))
	wantCount(t, c, rec(1, 1), 0)
	create(t, c, rec(1, 9))
	wantCount(t, c, rec(1, 1), 1)
	if held := s.say("ZCARD", counterOf(c, rec(1, 1))); held != "1" {
		t.Errorf("the counter holds %s sessions, want the live one", held)
	}
}

// Every counter goes when the last session that it counts is over, and none sooner:
// not when a gateway with a shorter session_lifetime takes part, and not when all
// of its sessions ended and the set was made anew.
func TestCountersAreKeptAsLongAsTheirSessions(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := openOn(t, s)
	ttl := func(key string) time.Duration {
		t.Helper()
		ms, err := time.ParseDuration(s.say("PTTL", key) + "ms")
		if err != nil {
			t.Fatal(err)
		}
		return ms
	}
	long, short, other := rec(1, 1), rec(1, 2), rec(2, 1)
	short.ExpiresAt = time.Now().Add(time.Minute)
	other.ExpiresAt = short.ExpiresAt
	for n := 0; groupOf(other.User) != groupOf(long.User); n++ { // of another app, in the same group
		other.User = "app2" + name("u", n)[4:]
	}
	create(t, c, long)
	create(t, c, short)
	create(t, c, other)
	wantCount(t, c, other, 1)
	keys := []string{counterOf(c, long), c.tune.names.apps(groupOf(long.User))}
	for _, key := range keys {
		if left := ttl(key); left < 55*time.Minute {
			t.Errorf("%s is kept for %v, want an hour at least", key, left)
		}
	}
	for _, r := range []session.Record{long, short} {
		if err := c.Delete(ctx, r.Key); err != nil {
			t.Fatal(err)
		}
	}
	wantCount(t, c, long, 0)
	create(t, c, short)
	longer := rec(1, 3)
	longer.ExpiresAt = time.Now().Add(48 * time.Hour)
	for i, r := range []session.Record{short, longer} {
		create(t, c, r)
		for _, key := range keys {
			if left := ttl(key); left < time.Until(r.ExpiresAt)-time.Second || left > 75*time.Hour {
				t.Errorf("%s is kept for %v, and a session for %v", key, left, time.Until(r.ExpiresAt))
			}
		}
		wantCount(t, c, r, i+1)
	}
}

// A counter that was lost or damaged is wrong until its sessions are over. It is in
// nobody's way: logins and logouts go on, and what comes new is counted.
func TestLostCountersAreInNobodysWay(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := openOn(t, s)
	for n, spoil := range [][]string{
		{"DEL", counterOf(c, rec(1, 1))},
		{"DEL", c.tune.names.apps(groupOf(rec(1, 1).User))},
		{"HSET", c.tune.names.apps(groupOf(rec(1, 1).User)), session.AppTagOf(rec(1, 1).User), "nonsense"},
	} {
		create(t, c, rec(1, 1))
		s.say(spoil...)
		create(t, c, rec(1, 2))
		get(t, c, rec(1, 1).Key)
		if counts, err := c.Count(ctx); err != nil || counts[session.AppTagOf(rec(1, 1).User)] < 1 {
			t.Errorf("%d: Count = %v, %v, want the new session at least", n, counts, err)
		}
		if ended, err := c.DeleteUser(ctx, rec(1, 1).User); err != nil || ended != 2 {
			t.Errorf("%d: DeleteUser = %d, %v, want 2", n, ended, err)
		}
		wantCount(t, c, rec(1, 1), 0)
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

// A login changes the user's keys and the counter in one transaction, which a
// Cluster allows within a slot only; and no server has more than its share.
func TestGroupsAreSpreadOverACluster(t *testing.T) {
	n := names{"wechat:"}
	for user := range 2000 {
		r := rec(user, user)
		slot := slotOf(n.index(r.User))
		for _, key := range []string{n.record(r.User, r.Key), n.epoch(r.User), n.counter(groupOf(r.User), "app1"), n.apps(groupOf(r.User))} {
			if slotOf(key) != slot {
				t.Fatalf("%s and %s are in different slots", key, n.index(r.User))
			}
		}
	}
	for _, servers := range []int{3, 6, 12} {
		users := make([]int, servers)
		for user := range 60_000 {
			users[slotOf(n.index(fmt.Sprintf("app1%018d", user)))*servers/slotCount]++
		}
		for i, have := range users {
			if want := 60_000 / servers; have < want*3/4 || have > want*5/4 {
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
				if err := nodes[i%3].Create(ctx, rec(i%7, n+10*i), 5); err != nil {
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
		wantCount(t, c, rec(1, 1), 35)
	}
	if keys := s.say("KEYS", "wechat:n:*"); len(strings.Fields(keys)) != 7 {
		t.Errorf("counters %q, want those of 7 users", keys)
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
