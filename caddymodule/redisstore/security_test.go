// security_test.go: what must never come back, be redeemed twice, or be told.

package redisstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// One code, two gateways, a hundred requests each, and an operator who kills
// their connections: it is redeemed once at most, and once when nothing broke.
func TestMarkOnceAcrossNodesWhileConnectionsDie(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	nodes := []*Client{openOn(t, s), openOn(t, s)}
	stop := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(rand.IntN(4)) * time.Millisecond):
				s.try("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			}
		}
	})
	var failures, none int
	for round := range 10 {
		var first, failed atomic.Int32
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				ok, err := nodes[i%2].Mark(ctx, name("m", round), time.Now().Add(time.Minute))
				if ok && err != nil {
					t.Errorf("Mark = true, %v", err)
				}
				if ok {
					first.Add(1)
				}
				if err != nil {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		failures += int(failed.Load())
		if n := first.Load(); n > 1 || n == 0 && failed.Load() == 0 {
			t.Errorf("round %d: %d calls were the first, %d failed", round, n, failed.Load())
		} else if n == 0 {
			none++
		}
	}
	close(stop)
	killer.Wait()
	t.Logf("%d of 2000 calls failed; in %d of 10 rounds nobody was the first", failures, none)
}

// The answer to the SET is lost: whether the mark stands is not known, so nobody
// may be first, neither by this call nor by a later one that finds it.
func TestMarkWhoseAnswerIsLostMakesNobodyFirst(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s)
	c := open(t, Options{URLs: []string{"redis://" + p.addr}})
	firsts, lost := 0, 0
	for n := range 10 {
		p.slow(10 * time.Millisecond)
		done := make(chan struct{})
		go func() {
			defer close(done)
			ok, err := c.Mark(ctx, name("m", n), time.Now().Add(time.Minute))
			if ok {
				firsts++
			}
			if ok && err != nil {
				t.Errorf("Mark = true, %v", err)
			}
		}()
		for over := false; !over && s.say("EXISTS", "wechat:m:"+name("m", n)) != "1"; {
			select {
			case <-done:
				over = true
			default:
			}
		}
		p.cut() // before the answer, which takes 10 ms
		<-done
		p.slow(0)
		eventually(t, 5*time.Second, "the store works again", usable(c))
		if s.say("EXISTS", "wechat:m:"+name("m", n)) != "1" {
			continue // it was not sent at all
		}
		lost++
		if ok, err := c.Mark(ctx, name("m", n), time.Now().Add(time.Minute)); ok || err != nil {
			t.Errorf("Mark of one that stands = %v, %v, want false, nil", ok, err)
		}
	}
	if lost-firsts < 3 {
		t.Errorf("%d of %d were first: the answers were not lost, this test tests nothing", firsts, lost)
	}
}

// Somebody who can write to Redis saved a session before its logout, and puts
// parts of it back.
func TestReplayedPartsOfASessionAreRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := openOn(t, s)
	raw, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr}, ForceSingleClient: true, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	ends := map[string]func(session.Record) error{
		"Delete":     func(r session.Record) error { return c.Delete(ctx, r.Key) },
		"DeleteUser": func(r session.Record) error { _, err := c.DeleteUser(ctx, r.User); return err },
		"push out": func(r session.Record) error {
			next := r
			next.Key, next.IssuedAt = name("next", 1), r.IssuedAt.Add(time.Second)
			return c.Create(ctx, next, 1)
		},
	}
	n := 0
	for end, run := range ends {
		for _, parts := range []string{"s", "r", "u", "sr", "ru"} {
			n++
			r := rec(n, 1)
			create(t, c, r)
			keys := map[byte]string{'s': c.tune.names.locator(r.Key), 'r': c.tune.names.record(r.User, r.Key), 'u': c.tune.names.index(r.User)}
			dumps := map[byte]string{}
			for kind, key := range keys {
				if dumps[kind], err = raw.Do(ctx, command(raw, "DUMP", key)).ToString(); err != nil {
					t.Fatal(err)
				}
			}
			if err := run(r); err != nil {
				t.Fatal(err)
			}
			for _, kind := range []byte(parts) {
				if err := raw.Do(ctx, command(raw, "RESTORE", keys[kind], "0", dumps[kind], "REPLACE")).Error(); err != nil {
					t.Fatal(err)
				}
			}
			wantAbsent(t, c, r.Key, fmt.Sprintf("ended by %s, then %q were put back", end, parts))
			list, err := c.List(ctx, r.User)
			if err != nil || slices.ContainsFunc(list, func(l session.Record) bool { return l.Key == r.Key }) {
				t.Errorf("ended by %s, then %q were put back: List = %v, %v", end, parts, list, err)
			}
			if err := c.Update(ctx, r.Key, func(v []byte) ([]byte, error) { return v, nil }); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("ended by %s, then %q were put back: Update = %v", end, parts, err)
			}
		}
	}
	// after DeleteUser even all three are of an epoch that is over
	r := rec(1000, 1)
	create(t, c, r)
	saved := map[string]string{}
	for _, key := range []string{c.tune.names.locator(r.Key), c.tune.names.record(r.User, r.Key), c.tune.names.index(r.User)} {
		saved[key], _ = raw.Do(ctx, command(raw, "DUMP", key)).ToString()
	}
	if _, err := c.DeleteUser(ctx, r.User); err != nil {
		t.Fatal(err)
	}
	create(t, c, rec(1000, 2)) // the user is back, with a new epoch
	for key, dump := range saved {
		raw.Do(ctx, command(raw, "RESTORE", key, "0", dump, "REPLACE"))
	}
	wantAbsent(t, c, r.Key, "logged out everywhere, then put back whole")
}

// A user logs in on three gateways at once, thirty times.
func TestLimitHoldsAcrossNodes(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	nodes := []*Client{openOn(t, s), openOn(t, s), openOn(t, s)}
	for user := range 15 {
		var wg sync.WaitGroup
		for n := range 30 {
			wg.Go(func() {
				if err := nodes[n%3].Create(ctx, rec(user, n), 5); err != nil {
					t.Errorf("Create = %v, want nil", err)
				}
			})
		}
		wg.Wait()
		list, err := nodes[0].List(ctx, rec(user, 0).User)
		if err != nil || len(list) != 5 {
			t.Errorf("List = %d sessions, %v, want 5", len(list), err)
		}
	}
}

// A caller's function that panics must not keep a connection or a lock.
func TestPanicLeavesNothingTaken(t *testing.T) {
	t.Parallel()
	c := openOn(t, startServer(t))
	create(t, c, rec(1, 1))
	for range 2 * maxWrites {
		func() {
			defer func() { recover() }()
			c.Update(ctx, rec(1, 1).Key, func([]byte) ([]byte, error) { panic("a bug") })
		}()
	}
	if err := c.Update(ctx, rec(1, 1).Key, func(v []byte) ([]byte, error) { return v, nil }); err != nil {
		t.Errorf("Update = %v, want nil", err)
	}
}

// Losing parts of what is kept logs people out, and a logout still reaches those
// whose leases are warm.
func TestLostPartsLogOutAndLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c, other := openOn(t, s), openOn(t, s)
	n := c.tune.names
	for i, lose := range []func(session.Record) string{
		func(r session.Record) string { return n.locator(r.Key) },
		func(r session.Record) string { return n.record(r.User, r.Key) },
		func(r session.Record) string { return n.index(r.User) },
		func(r session.Record) string { return n.epoch(r.User) },
	} {
		r := rec(i, 1)
		create(t, c, r)
		_, lease := get(t, c, r.Key)
		s.say("DEL", lose(r))
		wantAbsent(t, c, r.Key, "a part was lost")
		if lose(r) != n.index(r.User) { // that one changes with every login of the user
			eventually(t, time.Second, fmt.Sprintf("part %d: the lease ends", i), func() bool { return !lease.Live() })
		}
		if list, err := c.List(ctx, r.User); len(list) != 0 || err != nil {
			t.Errorf("part %d: List = %v, %v, want none", i, list, err)
		}
		if _, err := other.DeleteUser(ctx, r.User); err != nil {
			t.Errorf("part %d: DeleteUser = %v", i, err)
		}
		eventually(t, time.Second, fmt.Sprintf("part %d: the lease ends", i), func() bool { return !lease.Live() })
		create(t, c, rec(i, 2))
		get(t, c, rec(i, 2).Key)
		wantAbsent(t, c, r.Key, "of an earlier epoch")
	}
}

func TestFlushEndsLeases(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := openOn(t, s)
	for _, flush := range []string{"FLUSHALL", "FLUSHDB"} {
		create(t, c, rec(1, 1))
		_, lease := get(t, c, rec(1, 1).Key)
		s.say(flush)
		eventually(t, time.Second, "the lease ends", func() bool { return !lease.Live() })
		wantAbsent(t, c, rec(1, 1).Key, flush)
	}
}

// An update that was decided before a logout is written after it: it must fail,
// and if it were written, it must keep its expiry.
func TestUpdateKeepsExpiryInRedis(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := openOn(t, s)
	r := rec(1, 1)
	create(t, c, r)
	if err := c.Update(ctx, r.Key, func(v []byte) ([]byte, error) { return append(v, '!'), nil }); err != nil {
		t.Fatal(err)
	}
	for _, key := range strings.Fields(s.say("KEYS", "*")) {
		if ttl := s.say("PTTL", key); strings.HasPrefix(ttl, "-") {
			t.Errorf("%s has no expiry", key)
		}
		for _, part := range []string{"user", "session"} {
			if strings.Contains(key, part) {
				t.Errorf("%s tells more than a hash", key)
			}
		}
	}
}
