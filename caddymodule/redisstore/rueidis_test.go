// rueidis_test.go: why servers are found and watched in internal/primary, and not by
// rueidis' own Sentinel and Cluster clients: the faults that those miss. When a version
// of it stops to miss one, the test fails, and it is time to look again.

package redisstore

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore/internal/primary"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// theirs is one of rueidis' own clients, as eager as it can be made.
type theirs struct {
	rueidis.Client
	heard atomic.Int32 // invalidations, or the loss of a connection
}

func openTheirs(t *testing.T, o rueidis.ClientOption) *theirs {
	t.Helper()
	c := &theirs{}
	o.OnInvalidations = func([]rueidis.RedisMessage) { c.heard.Add(1) }
	o.ClientTrackingOptions = []string{}
	o.Dialer = net.Dialer{Timeout: time.Second, KeepAlive: time.Second} // of its PINGs
	o.ConnWriteTimeout = 5 * time.Second                                // a busy machine is no fault
	o.Sentinel.Dialer = o.Dialer
	o.Sentinel.TopologyRefreshInterval = 300 * time.Millisecond
	o.ClusterOption.ShardsRefreshInterval = 300 * time.Millisecond
	o.DisableRetry = true
	var err error
	if c.Client, err = rueidis.NewClient(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (c *theirs) read(key string) string {
	text, err := c.Do(ctx, c.B().Get().Key(key).Build()).ToString()
	if err != nil {
		return err.Error()
	}
	return text
}

// One of three Sentinels is cut off with the old primary, which lives on; the two
// others name the new one. rueidis believes whichever it asks first, for as long as
// that answers.
func TestOneSentinelOfThreeIsStale(t *testing.T) {
	t.Parallel()
	old := startServer(t)
	now := startReplica(t, old)
	before := openOn(t, old)
	r := rec(1, 1)
	create(t, before, r)
	old.say("SET", "x", "old")
	eventually(t, 5*time.Second, "the replica has the session", func() bool { return old.say("WAIT", "1", "100") == "1" })
	now.say("REPLICAOF", "NO", "ONE")
	now.say("SET", "x", "new")
	after := openOn(t, now)
	if err := after.Delete(ctx, r.Key); err != nil {
		t.Fatal(err)
	}
	stale := startSentinel(t, old, 2)
	sentinels := []*server{stale, startSentinel(t, now, 2), startSentinel(t, now, 2)}
	o, addrs := Options{Mode: ModeSentinel, Master: "main", WaitReplicas: new(0)}, []string(nil)
	for _, s := range sentinels {
		o.URLs, addrs = append(o.URLs, s.url()), append(addrs, s.addr)
	}
	c := open(t, o)
	wantAbsent(t, c, r.Key, "logged out at the primary that two of three Sentinels name")
	create(t, c, rec(2, 1))
	get(t, after, rec(2, 1).Key)

	their := openTheirs(t, rueidis.ClientOption{InitAddress: addrs, Sentinel: rueidis.SentinelOption{MasterSet: "main"}})
	time.Sleep(time.Second)
	if got := their.read("x"); got != "old" {
		t.Errorf("rueidis' own client reads %q, and asks other Sentinels, too: internal/primary may do with less", got)
	}
}

// The primary is demoted by hand while the Sentinel still names it. rueidis looks at the
// role when it asks the Sentinels, says no, and goes on reading there.
func TestPrimaryIsDemotedBehindTheSentinelsBack(t *testing.T) {
	t.Parallel()
	first := startServer(t)
	sentinel := startSentinel(t, first, 1)
	c := open(t, Options{URLs: []string{sentinel.url()}, Mode: ModeSentinel, Master: "main", WaitReplicas: new(0)})
	r := rec(1, 1)
	create(t, c, r)
	_, lease := get(t, c, r.Key)
	first.say("SET", "x", "old")
	their := openTheirs(t, rueidis.ClientOption{InitAddress: []string{sentinel.addr}, Sentinel: rueidis.SentinelOption{MasterSet: "main"}})
	their.read("x")
	first.say("REPLICAOF", "127.0.0.1", "1")
	eventually(t, time.Second, "the lease ends", func() bool { return !lease.Live() })
	if _, _, err := c.Get(ctx, r.Key); err == nil || errors.Is(err, session.ErrNotFound) {
		t.Errorf("Get at a demoted server = %v, want an error that means: could not answer", err)
	}
	time.Sleep(time.Second)
	if got := their.read("x"); got != "old" {
		t.Errorf("rueidis' own client reads %q from a demoted server: internal/primary may do with less", got)
	}
}

// A primary of a Cluster hands its slots to its replica, and cannot follow it: it hears
// nothing of what is written there, and so tells nobody. rueidis follows the slots, but
// nobody learns from it that they moved, nor which server gave an answer.
func TestDemotedServerOfAClusterHearsNothing(t *testing.T) {
	t.Parallel()
	servers := startCluster(t, 3)
	old, now := servers[0], startServer(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no")
	now.say("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(old.port))
	id := old.say("CLUSTER", "MYID")
	eventually(t, 20*time.Second, "the new server knows the others", func() bool {
		_, err := now.try("CLUSTER", "REPLICATE", id)
		return err == nil
	})
	eventually(t, 20*time.Second, "the replica is in step", func() bool {
		return strings.Contains(now.say("INFO", "replication"), "master_link_status:up") && old.say("WAIT", "1", "100") == "1"
	})
	o := Options{URLs: []string{old.url(), servers[1].url()}, Mode: ModeCluster, WaitReplicas: new(0)}
	c, other := open(t, o), open(t, o)
	var r session.Record
	for n := 0; ; n++ { // one in the first third of the slots
		if r = rec(n, 1); primary.SlotOf(c.tune.names.user(r.User)) < primary.SlotCount/3 {
			break
		}
	}
	create(t, c, r)
	_, lease := get(t, c, r.Key)
	key := c.tune.names.user(r.User)
	their := openTheirs(t, rueidis.ClientOption{InitAddress: []string{old.addr, servers[1].addr}})
	if n, err := their.Do(ctx, their.B().Hlen().Key(key).Build()).AsInt64(); n == 0 || err != nil {
		t.Fatalf("HLEN = %d, %v", n, err)
	}
	time.Sleep(500 * time.Millisecond) // it makes more connections than it keeps
	heard := their.heard.Load()
	now.say("ACL", "SETUSER", "default", "-psync", "-sync") // as a broken network would
	eventually(t, 20*time.Second, "the replica is the primary", func() bool {
		now.try("CLUSTER", "FAILOVER")
		time.Sleep(100 * time.Millisecond)
		return strings.HasPrefix(now.say("ROLE"), "master")
	})
	eventually(t, time.Second, "the lease ends", func() bool { return !lease.Live() })
	eventually(t, 10*time.Second, "the other node logs out", func() bool { return other.Delete(ctx, r.Key) == nil })
	eventually(t, 5*time.Second, "the session is over here, too", func() bool {
		_, _, err := c.Get(ctx, r.Key)
		return errors.Is(err, session.ErrNotFound)
	})
	time.Sleep(time.Second) // as long as a logout may take
	if n := their.heard.Load() - heard; n != 0 {
		t.Errorf("rueidis' own client was told %d times that what it read is over: internal/primary may do with less", n)
	}
}

// A server falls silent. With PINGs at the pace of our beats, and commands that may take
// as long as a call may, rueidis alone notices later than a logout may take.
func TestSilenceIsNoticedTooLateByPINGs(t *testing.T) {
	t.Parallel()
	p := startProxy(t, startServer(t))
	var heard atomic.Int32
	their, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{p.addr}, ForceSingleClient: true, PipelineMultiplex: -1, DisableRetry: true,
		ClientTrackingOptions: []string{}, OnInvalidations: func([]rueidis.RedisMessage) { heard.Add(1) },
		Dialer: net.Dialer{KeepAlive: 200 * time.Millisecond}, ConnWriteTimeout: primary.CallLimit,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer their.Close()
	if err := their.Do(ctx, their.B().Get().Key("x").Build()).Error(); !rueidis.IsRedisNil(err) {
		t.Fatal(err)
	}
	p.pass(false, false)
	time.Sleep(time.Second)
	if n := heard.Load(); n != 0 {
		t.Errorf("rueidis noticed within a second, %d times: the beats of internal/primary may do with less", n)
	}
	eventually(t, 5*time.Second, "it notices at last", func() bool { return heard.Load() > 0 })
}
