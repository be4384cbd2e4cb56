// cluster_test.go: keys on several servers, one of which goes away, and slots that
// move.

package redisstore

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func TestSlotsAreThoseOfRedis(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--cluster-enabled", "yes")
	n := names{"wechat:"}
	for i := range 10 {
		for _, key := range []string{n.user(name("u", i)), n.mark(name("m", i)), n.counts(),
			"a{}b", "{a}{b}", "}{", "{", fmt.Sprint(i), ""} {
			if want, _ := strconv.Atoi(s.say("CLUSTER", "KEYSLOT", key)); slotOf(key) != want {
				t.Errorf("slotOf(%q) = %d, want %d", key, slotOf(key), want)
			}
		}
	}
}

// One of three servers dies: its keys are errors, never absent, those of the
// others go on, and all is well when it is back.
func TestClusterLosesAServer(t *testing.T) {
	t.Parallel()
	servers := startCluster(t, 3)
	o := Options{URLs: []string{servers[0].url(), servers[1].url()}, Mode: ModeCluster}
	c := open(t, o)
	leases := map[int]*session.Lease{}
	for n := range 60 {
		create(t, c, rec(n, 1))
		_, leases[n] = get(t, c, rec(n, 1).Key)
	}
	if err := c.Check(ctx); err != nil {
		t.Errorf("Check = %v, want nil", err)
	}
	dead := servers[2]
	touches := func(n int) bool {
		return slotOf(c.tune.names.user(rec(n, 1).User)) >= 2*slotCount/3
	}
	dead.kill()
	for n := range 60 {
		if touches(n) {
			eventually(t, time.Second, "leases of the dead server end", func() bool { return !leases[n].Live() })
		} else if !leases[n].Live() {
			t.Errorf("a lease of other servers ended")
		}
	}
	eventually(t, 5*time.Second, "Check sees it", func() bool { return c.Check(ctx) != nil })
	for n := range 60 {
		start := time.Now()
		_, _, err := c.Get(ctx, rec(n, 1).Key)
		if touches(n) && (err == nil || errors.Is(err, session.ErrNotFound)) || !touches(n) && err != nil {
			t.Errorf("Get = %v; on the dead server: %v", err, touches(n))
		}
		if took := time.Since(start); took > patience {
			t.Errorf("Get took %v", took)
		}
	}
	dead.start()
	eventually(t, 20*time.Second, "the store works again", func() bool { return c.Check(ctx) == nil && usable(c)() })
	for n := range 60 {
		// the server itself waits two seconds before it takes writes again
		eventually(t, 10*time.Second, "all keys can be written", func() bool { return c.Create(ctx, rec(n, 2), 2, nil) == nil })
		get(t, c, rec(n, 2).Key)
	}
}

// An operator moves slots while sessions are in use. Nobody is logged out, and a
// logout on one node is seen by the other, whoever has the slot.
func TestSlotsMove(t *testing.T) {
	t.Parallel()
	servers := startCluster(t, 2)
	o := Options{URLs: []string{servers[1].url()}, Mode: ModeCluster}
	c, other := open(t, o), open(t, o)
	id := func(s *server) string { return s.say("CLUSTER", "MYID") }
	from, to := servers[0], servers[1]
	for n := range 6 {
		r := rec(n, 1)
		create(t, c, r)
		_, lease := get(t, c, r.Key)
		slot := slotOf(c.tune.names.user(r.User))
		from, to = servers[0], servers[1]
		if slot >= slotCount/2 {
			from, to = to, from
		}
		to.say("CLUSTER", "SETSLOT", fmt.Sprint(slot), "IMPORTING", id(from))
		from.say("CLUSTER", "SETSLOT", fmt.Sprint(slot), "MIGRATING", id(to))
		for _, key := range strings.Fields(from.say("CLUSTER", "GETKEYSINSLOT", fmt.Sprint(slot), "100")) {
			from.say("MIGRATE", "127.0.0.1", fmt.Sprint(to.port), key, "0", "1000")
		}
		if _, _, err := c.Get(ctx, r.Key); errors.Is(err, session.ErrNotFound) {
			t.Error("a session looks absent while its slot moves")
		}
		for _, s := range []*server{to, from} {
			s.say("CLUSTER", "SETSLOT", fmt.Sprint(slot), "NODE", id(to))
		}
		eventually(t, 5*time.Second, "the session is found again", func() bool {
			_, _, err := c.Get(ctx, r.Key)
			if errors.Is(err, session.ErrNotFound) {
				t.Error("a session is lost after its slot moved")
			}
			return err == nil
		})
		if lease.Live() {
			t.Error("the old lease lives, and nobody would end it")
		}
		_, lease = get(t, c, r.Key)
		eventually(t, 5*time.Second, "the other node logs out", func() bool { return other.Delete(ctx, r.Key) == nil })
		eventually(t, time.Second, "the lease ends", func() bool { return !lease.Live() })
		wantAbsent(t, c, r.Key, "logged out")
	}
}
