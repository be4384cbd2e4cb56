// leases_test.go: the table of leases against a simple model of it, and full.

package redisstore

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// granted is a lease and all that it depends on.
type granted struct {
	lease *session.Lease
	keys  [3]string
	nodes [2]*node
}

func (g granted) dependsOn(key string, n *node) bool {
	return g.keys[0] == key || g.keys[1] == key || g.keys[2] == key || g.nodes[0] == n || g.nodes[1] == n
}

// grant is a Get from beginning to end.
func (t *leases) grant(user, n int, locatorAt, recordAt *node, frame string) granted {
	names := names{"wechat:"}
	key, owner := name(fmt.Sprintf("s%d-", user), n), name("u", user)
	g := granted{keys: [3]string{names.locator(key), names.record(owner, key), names.epoch(owner)}, nodes: [2]*node{locatorAt, recordAt}}
	e := t.begin(g.keys[0], locatorAt)
	t.extend(e, g.keys[1], g.keys[2], recordAt)
	g.lease = t.settle(e, frame)
	return g
}

// Ten thousand Gets, logouts, logouts everywhere and lost servers: after each, the
// leases that depend on what it concerns are over, and all others live.
func TestLeasesEndWhenTheyMustAndNoSooner(t *testing.T) {
	t.Parallel()
	table, nodes := newLeases(), []*node{{}, {}, {}}
	var live []granted
	for round := range 10_000 {
		what := rand.IntN(100)
		var key string
		var lost *node
		switch {
		case what < 70 || len(live) == 0:
			user := rand.IntN(40)
			g := table.grant(user, rand.IntN(5), nodes[rand.IntN(3)], nodes[user%3], fmt.Sprint("frame ", rand.IntN(2)))
			live = append(live, g)
		case what < 99:
			key = live[rand.IntN(len(live))].keys[rand.IntN(3)]
			table.endKeys(key)
		default:
			lost = nodes[rand.IntN(3)]
			table.endNode(lost)
		}
		var left []granted
		for _, g := range live {
			ended := (key != "" || lost != nil) && g.dependsOn(key, lost)
			if g.lease.Live() == ended {
				t.Fatalf("round %d: a lease lives: %v; it depends on what ended: %v", round, g.lease.Live(), ended)
			}
			if !ended {
				left = append(left, g)
			}
		}
		live = left
	}
	for _, n := range nodes {
		table.endNode(n)
	}
	if len(table.all) != 0 || len(table.byKey) != 0 || len(table.of) != 0 {
		t.Errorf("%d entries, %d keys and %d servers are left of nothing", len(table.all), len(table.byKey), len(table.of))
	}
}

// A reader whose server was lost while it read, or who found nothing, leaves
// nothing behind and gets no lease that lives.
func TestLeasesForgetReadersThatFail(t *testing.T) {
	t.Parallel()
	table, n, other := newLeases(), &node{}, &node{}
	for _, fail := range []func(e *entry){
		func(e *entry) { table.drop(e) },
		func(*entry) { table.endNode(n) },
		func(*entry) { table.endKeys("locator") },
	} {
		stays := table.grant(1, 1, other, other, "frame")
		e := table.begin("locator", n)
		fail(e)
		table.extend(e, "record", "epoch", n)
		table.drop(e)
		if lease := table.settle(e, "frame"); lease.Live() {
			t.Error("a reader that failed has a lease that lives")
		}
		if !stays.lease.Live() || len(table.all) != 1 || len(table.byKey) != 3 || table.of[n] != 0 {
			t.Errorf("%d entries, %d keys, %d of the server; want those of the other reader", len(table.all), len(table.byKey), table.of[n])
		}
	}
}

// fill enters users until there are n leases.
func fill(table *leases, n int, at, also *node) []*session.Lease {
	list := make([]*session.Lease, n)
	for i := range list {
		node := at
		if i%2 == 1 {
			node = also
		}
		list[i] = table.grant(i, 1, at, node, "frame").lease
	}
	return list
}

// One user more than the table holds: somebody's lease ends early, the table grows
// no more, and whoever is left still ends with the server.
func TestLeasesAreBounded(t *testing.T) {
	t.Parallel()
	table, n := newLeases(), &node{}
	if table.most < 1_000_000 {
		t.Errorf("the table holds %d leases, want those of a million users", table.most)
	}
	const most = 5000
	table.most = most
	list := fill(table, most+100, n, n)
	live := 0
	for _, l := range list {
		if l.Live() {
			live++
		}
	}
	if live != most || len(table.all) != most || len(table.byKey) != 3*most || table.of[n] != 2*most {
		t.Errorf("%d leases live, the table has %d entries, %d keys, %d of the server; want %d", live, len(table.all), len(table.byKey), table.of[n], most)
	}
	table.endNode(n)
	for i, l := range list {
		if l.Live() {
			t.Fatalf("lease %d lives without its server", i)
		}
	}
}

// BenchmarkLeases reports what a lease takes, and how long a million of them need
// to end with a server: all of them, or half of them in a Cluster.
func BenchmarkLeases(b *testing.B) {
	for name, also := range map[string]*node{"all": nil, "half": {}} {
		b.Run(name, func(b *testing.B) {
			at := &node{}
			rest := also
			if rest == nil {
				rest = at
			}
			var before, after runtime.MemStats
			var took, until time.Duration
			for range b.N {
				runtime.GC()
				runtime.ReadMemStats(&before)
				table := newLeases()
				list := fill(table, maxLeases, rest, at)
				last := list[len(list)-1]
				list = nil
				runtime.GC()
				runtime.ReadMemStats(&after)
				done := make(chan time.Duration)
				start := time.Now()
				go func() {
					for last.Live() {
						time.Sleep(100 * time.Microsecond)
					}
					done <- time.Since(start)
				}()
				table.endNode(at)
				took += time.Since(start)
				until += <-done
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/maxLeases, "B/lease")
			b.ReportMetric(float64((until / time.Duration(b.N)).Milliseconds()), "ms-to-end")
			b.ReportMetric(float64((took / time.Duration(b.N)).Milliseconds()), "ms-to-forget")
		})
	}
}
