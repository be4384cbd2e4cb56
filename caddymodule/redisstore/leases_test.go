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

// granted is a lease and what it depends on.
type granted struct {
	lease *session.Lease
	key   string
	node  *node
}

// grant is a Get from beginning to end.
func (t *leases) grant(user int, at *node, read string) granted {
	key := names{"wechat:"}.user(name("u", user))
	return granted{t.settle(t.begin(key, at), read), key, at}
}

// Ten thousand Gets, logouts and lost servers: after each, the leases that depend
// on what it concerns are over, and all others live.
func TestLeasesEndWhenTheyMustAndNoSooner(t *testing.T) {
	t.Parallel()
	table, nodes := newLeases(), []*node{{}, {}, {}}
	var live []granted
	for round := range 10_000 {
		var ends func(granted) bool
		switch what := rand.IntN(100); {
		case what < 70 || len(live) == 0:
			user := rand.IntN(40)
			live = append(live, table.grant(user, nodes[(user+rand.IntN(2))%3], fmt.Sprint("frame ", rand.IntN(2))))
			ends = func(granted) bool { return false }
		case what < 99:
			key := live[rand.IntN(len(live))].key
			table.endKey(key)
			ends = func(g granted) bool { return g.key == key }
		default:
			lost := nodes[rand.IntN(3)]
			table.endNode(lost)
			ends = func(g granted) bool { return g.node == lost }
		}
		var left []granted
		for _, g := range live {
			if g.lease.Live() == ends(g) {
				t.Fatalf("round %d: a lease lives: %v; it depends on what ended: %v", round, g.lease.Live(), ends(g))
			}
			if !ends(g) {
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

// Readers of one version share a lease, those of another have their own.
func TestLeasesAreShared(t *testing.T) {
	t.Parallel()
	table, n := newLeases(), &node{}
	a, b, c := table.grant(1, n, "one"), table.grant(1, n, "one"), table.grant(1, n, "two")
	if a.lease != b.lease || a.lease == c.lease || len(table.all) != 2 {
		t.Errorf("two readers of one version share: %v; those of two do: %v; %d entries", a.lease == b.lease, a.lease == c.lease, len(table.all))
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
		func(*entry) { table.endKey("key") },
	} {
		stays := table.grant(1, other, "frame")
		e := table.begin("key", n)
		fail(e)
		table.drop(e)
		if lease := table.settle(e, "frame"); lease.Live() {
			t.Error("a reader that failed has a lease that lives")
		}
		if !stays.lease.Live() || len(table.all) != 1 || len(table.byKey) != 1 || table.of[n] != 0 {
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
		list[i] = table.grant(i, node, "frame").lease
	}
	return list
}

// One user more than the table holds: somebody's lease ends early, the table grows
// no more, and those that are left still end with the server.
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
	if live != most || len(table.all) != most || len(table.byKey) != most || table.of[n] != most {
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
