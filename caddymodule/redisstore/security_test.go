// security_test.go: what must never come back, be redeemed twice, or be told.

package redisstore

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
		p.slow(100 * time.Millisecond)
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
		for over := false; !over && s.say("EXISTS", "wechat:m"+name("m", n)) != "1"; {
			select {
			case <-done:
				over = true
			default:
			}
		}
		p.cut() // before the answer, which takes 100 ms
		<-done
		p.slow(0)
		eventually(t, 5*time.Second, "the store works again", usable(c))
		if s.say("EXISTS", "wechat:m"+name("m", n)) != "1" {
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

// A user logs in on three gateways at once, thirty times.
func TestLimitHoldsAcrossNodes(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	nodes := []*Client{openOn(t, s), openOn(t, s), openOn(t, s)}
	for user := range 15 {
		var wg sync.WaitGroup
		for n := range 30 {
			wg.Go(func() {
				if err := nodes[n%3].Create(ctx, rec(user, n), 5, nil); err != nil {
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
	for range 200 /* more than there are connections */ {
		func() {
			defer func() { recover() }()
			c.Update(ctx, rec(1, 1).Key, func([]byte) ([]byte, error) { panic("a bug") })
		}()
	}
	if err := c.Update(ctx, rec(1, 1).Key, func(v []byte) ([]byte, error) { return v, nil }); err != nil {
		t.Errorf("Update = %v, want nil", err)
	}
}

// Losing parts of what is kept, or finding nonsense there, logs people out; it is in
// nobody's way, and the leases that depend on it end.
func TestLostAndDamagedPartsOnlyLogOut(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c, other := openOn(t, s), openOn(t, s)
	long := func(r session.Record) session.Record { r.Value = bytes.Repeat([]byte("long"), 60); return r }
	for i, spoil := range []func(key string, r session.Record) []string{
		func(key string, r session.Record) []string { return []string{"DEL", key} },
		func(key string, r session.Record) []string { return []string{"HDEL", key, r.Key[userLen:]} },
		func(key string, r session.Record) []string { return []string{"HSET", key, r.Key[userLen:], ""} },
		func(key string, r session.Record) []string {
			return []string{"HSET", key, r.Key[userLen:], "\xff\xff\xff\xff"}
		},
		func(key string, r session.Record) []string {
			for _, field := range strings.Split(s.say("HKEYS", key), "\n") {
				if len(field) == tagLen+1 {
					return []string{"HDEL", key, field}
				}
			}
			t.Fatal("a long record is kept in one field")
			return nil
		},
		func(key string, r session.Record) []string { return []string{"SET", key, "no hash at all"} },
		func(key string, r session.Record) []string {
			s.say("DEL", key)
			return []string{"RPUSH", key, "a list"}
		},
	} {
		r := long(rec(i, 1))
		create(t, c, r)
		_, lease := get(t, c, r.Key)
		s.say(spoil(c.tune.names.user(r.User), r)...)
		eventually(t, time.Second, fmt.Sprintf("%d: the lease ends", i), func() bool { return !lease.Live() })
		wantAbsent(t, c, r.Key, "a part was lost or damaged")
		if _, _, err := c.Get(ctx, r.Key); errors.Is(err, session.ErrForged) != (i > 1) {
			t.Errorf("%d: Get = %v, want ErrForged only where something is there", i, err)
		}
		if list, err := c.List(ctx, r.User); len(list) != 0 || err != nil {
			t.Errorf("%d: List = %v, %v, want none", i, list, err)
		}
		if err := c.Update(ctx, r.Key, func(v []byte) ([]byte, error) { return v, nil }); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("%d: Update = %v, want ErrNotFound", i, err)
		}
		switch i % 3 {
		case 0:
			if n, err := other.DeleteUser(ctx, r.User); n != 0 || err != nil {
				t.Errorf("%d: DeleteUser = %d, %v, want 0, nil", i, n, err)
			}
		case 1:
			if err := other.Delete(ctx, r.Key); err != nil {
				t.Errorf("%d: Delete = %v, want nil", i, err)
			}
		}
		create(t, c, long(rec(i, 2)))
		get(t, c, rec(i, 2).Key)
		wantAbsent(t, c, r.Key, "spoilt before")
		if ttl := s.say("PTTL", c.tune.names.user(r.User)); strings.HasPrefix(ttl, "-") {
			t.Errorf("%d: what is written over it has no expiry", i)
		}
		if n, want := s.say("HLEN", c.tune.names.user(r.User)), "4"; n != want {
			t.Errorf("%d: %s fields are left, want the %s of the new session", i, n, want)
		}
	}
}

// A logout has read which fields are its session's; until it deletes them the
// session was pushed out, and others came. None of them may lose a part.
func TestLogoutMeetsLogins(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	nodes := []*Client{openOn(t, s), openOn(t, s)}
	var wg sync.WaitGroup
	for round := range 60 {
		r := rec(1, round)
		r.Value = make([]byte, 200)
		create(t, nodes[0], r)
		next := rec(1, 1000+round)
		next.Value = make([]byte, 300)
		wg.Go(func() {
			if err := nodes[0].Delete(ctx, r.Key); err != nil {
				t.Errorf("Delete = %v", err)
			}
		})
		wg.Go(func() {
			if err := nodes[1].Create(ctx, next, 1, nil); err != nil {
				t.Errorf("Create = %v", err)
			}
		})
		wg.Wait()
		wantAbsent(t, nodes[0], r.Key, "logged out")
		if got, _ := get(t, nodes[0], next.Key); len(got.Value) != 300 {
			t.Errorf("the new session has %d bytes", len(got.Value))
		}
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
