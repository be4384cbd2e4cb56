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

	"github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore/internal/primary"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func TestSlotsAreThoseOfRedis(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--cluster-enabled", "yes")
	n := names{"wechat:"}
	for i := range 10 {
		for _, key := range []string{n.user(name("u", i)), n.mark(name("m", i)), n.counts(),
			"a{}b", "{a}{b}", "}{", "{", fmt.Sprint(i), ""} {
			if want, _ := strconv.Atoi(s.say("CLUSTER", "KEYSLOT", key)); primary.SlotOf(key) != want {
				t.Errorf("primary.SlotOf(%q) = %d, want %d", key, primary.SlotOf(key), want)
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
		return primary.SlotOf(c.tune.names.user(rec(n, 1).User)) >= 2*primary.SlotCount/3
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

// A slot moves, and stays half way for long: what of it is on one server, on the other,
// or on none is read, written and ended all the same, and a logout ends each lease.
func TestSlotThatIsMovingIsServed(t *testing.T) {
	t.Parallel()
	servers := startCluster(t, 2)
	replica := startServer(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
	replica.say("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(servers[0].port))
	to, from := servers[0], servers[1]
	id := func(s *server) string { return s.say("CLUSTER", "MYID") }
	eventually(t, 10*time.Second, "the server that takes the slot has a replica", func() bool {
		replica.try("CLUSTER", "REPLICATE", id(to))
		return to.say("WAIT", "1", "100") == "1"
	})
	o := Options{URLs: []string{servers[0].url()}, Mode: ModeCluster}
	c, other := open(t, o), open(t, o)

	var r session.Record // of a user in a slot of the second server
	var slot int
	for n := 0; slot < primary.SlotCount/2; n++ {
		r = rec(n, 1)
		slot = primary.SlotOf(c.tune.names.user(r.User))
	}
	mark := "" // a code in the same slot
	for n := 0; mark == "" || primary.SlotOf(c.tune.names.mark(mark)) != slot; n++ {
		mark = name("m", n)
	}
	second := r
	second.Key = r.Key[:len(r.Key)-1] + "_"
	create(t, c, r)
	_, before := get(t, c, r.Key)
	to.say("CLUSTER", "SETSLOT", fmt.Sprint(slot), "IMPORTING", id(from))
	from.say("CLUSTER", "SETSLOT", fmt.Sprint(slot), "MIGRATING", id(to))
	get(t, c, r.Key) // it is still where it was
	if ok, err := c.Mark(ctx, mark, time.Now().Add(time.Minute)); !ok || err != nil {
		t.Errorf("Mark, which is nowhere yet = %v, %v, want true, nil", ok, err)
	}
	if ok, err := other.Mark(ctx, mark, time.Now().Add(time.Minute)); ok || err != nil {
		t.Errorf("Mark on the other node = %v, %v, want false, nil", ok, err)
	}
	for _, key := range strings.Fields(from.say("CLUSTER", "GETKEYSINSLOT", fmt.Sprint(slot), "100")) {
		from.say("MIGRATE", "127.0.0.1", fmt.Sprint(to.port), key, "0", "1000")
	}
	eventually(t, time.Second, "the lease ends, the server that gave it has nothing to tell any more", func() bool { return !before.Live() })
	if got, lease := get(t, other, r.Key); string(got.Value) != string(r.Value) || lease.Live() {
		t.Errorf("Get = %q with a lease that lives: %v, want %q, false", got.Value, lease.Live(), r.Value)
	}
	if err := c.Update(ctx, r.Key, func([]byte) ([]byte, error) { return []byte("updated"), nil }); err != nil {
		t.Errorf("Update = %v, want nil", err)
	}
	if err := c.Create(ctx, second, 0, func([]byte) ([]byte, error) { return []byte("keys"), nil }); err != nil {
		t.Errorf("Create = %v, want nil", err)
	}
	if list, err := other.List(ctx, r.User); err != nil || len(list) != 2 || string(list[0].Value) != "updated" && string(list[1].Value) != "updated" {
		t.Errorf("List = %v, %v, want both, one updated", list, err)
	}
	if value, err := other.Value(ctx, r.User); err != nil || string(value) != "keys" {
		t.Errorf("Value = %q, %v", value, err)
	}
	if err := other.Delete(ctx, r.Key); err != nil {
		t.Errorf("Delete = %v, want nil", err)
	}
	wantAbsent(t, c, r.Key, "logged out while its slot moves")
	if n, err := c.DeleteUser(ctx, r.User); n != 1 || err != nil {
		t.Errorf("DeleteUser = %d, %v, want 1, nil", n, err)
	}
	wantAbsent(t, other, second.Key, "ended while its slot moves")

	create(t, c, r)
	for _, s := range []*server{to, from} {
		s.say("CLUSTER", "SETSLOT", fmt.Sprint(slot), "NODE", id(to))
	}
	eventually(t, 5*time.Second, "there are leases again", func() bool {
		_, lease := get(t, c, r.Key)
		return lease.Live()
	})
	if ok, err := c.Mark(ctx, mark, time.Now().Add(time.Minute)); ok || err != nil {
		t.Errorf("Mark after the slot has moved = %v, %v, want false, nil", ok, err)
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
		slot := primary.SlotOf(c.tune.names.user(r.User))
		from, to = servers[0], servers[1]
		if slot >= primary.SlotCount/2 {
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
