// outage_test.go: Redis is frozen, killed and started again while people log in,
// work and log out at two gateways: no answer is wrong, and all is well after it.

package integration

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// patron is a holder whose requests come one after the other.
type patron struct {
	mu sync.Mutex
	holder
	at    *node     // where he logged out
	since time.Time // when that was acknowledged
}

// witness counts answers by what they are, and says which are wrong.
type witness struct {
	t       *testing.T
	mu      sync.Mutex
	answers map[string]int
	longest time.Duration
}

// hear judges one answer: one of the statuses, or 503 that says when to come back.
// It reports whether it was the former.
func (w *witness) hear(what string, got told, want ...int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.longest = max(w.longest, got.took)
	w.answers[fmt.Sprintf("%s: %d", what, got.status)]++
	if got.err == nil && slices.Contains(want, got.status) {
		return true
	}
	after, _ := strconv.Atoi(got.header.Get("Retry-After"))
	if got.err != nil || got.status != http.StatusServiceUnavailable || after < 1 || after > 60 {
		w.t.Errorf("%s = %v, Retry-After %q; want %d, or 503 and when to come back", what, got, got.header.Get("Retry-After"), want)
	}
	return false
}

// visit is one request of somebody who may be in or out.
func (p *patron) visit(w *witness, n *node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.standing {
	case lives:
		if got := n.use(p.token); w.hear("request of a live session", got, http.StatusOK) && got.body != p.openid {
			w.t.Errorf("the backend was told %q; want %q", got.body, p.openid)
		}
	case ended:
		if n != p.at && time.Since(p.since) < seenWithin {
			return // the other gateway need not know yet
		}
		w.hear("request after a logout", n.use(p.token), http.StatusUnauthorized)
	case unknown:
		got := n.use(p.token)
		w.hear("request after a logout that got 503", got, http.StatusOK, http.StatusUnauthorized)
		if got.status == http.StatusUnauthorized {
			p.standing, p.at, p.since = ended, n, time.Now()
		}
	}
}

// leave logs out.
func (p *patron) leave(w *witness, n *node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.standing != lives {
		return
	}
	if w.hear("logout", n.logout(p.token), http.StatusNoContent) {
		p.standing, p.at, p.since = ended, n, time.Now()
	} else {
		p.standing = unknown
	}
}

// The promise of store redis: what Redis has confirmed it has on disk ("appendfsync
// always"). Whatever happens to it, who is logged in is never told that he is not,
// who is logged out is never let in, and the rest hear 503. When it is back, so is
// everybody, without a hand.
func TestRedisOutages(t *testing.T) {
	redis := startRedis(t)
	f := newFleet(t)
	nodes := []*node{f.add("store redis redis://" + redis.Addr), f.add("store redis redis://" + redis.Addr)}
	w := &witness{t: t, answers: make(map[string]int)}

	var mu sync.Mutex
	var patrons []*patron
	somebody := func() *patron {
		mu.Lock()
		defer mu.Unlock()
		if len(patrons) == 0 {
			return nil
		}
		return patrons[rand.IntN(len(patrons))]
	}
	var next int
	join := func(n *node) {
		mu.Lock()
		next++
		p := &patron{holder: holder{openid: user(next)}}
		mu.Unlock()
		token, got := n.login(p.openid)
		if w.hear("login", got, http.StatusOK) {
			p.token = token
			mu.Lock()
			patrons = append(patrons, p)
			mu.Unlock()
		}
	}
	for range 50 {
		join(nodes[rand.IntN(2)])
	}
	var c crew
	c.work(12, func(worker int) {
		n := nodes[rand.IntN(2)]
		p := somebody()
		switch dice := rand.IntN(100); {
		case dice < 5 || p == nil:
			join(n)
		case dice < 8:
			p.leave(w, n)
		default:
			p.visit(w, n)
		}
	})

	recovered := func() time.Duration {
		begin := time.Now()
		for _, n := range nodes {
			await(t, "the gateways to recover", func() bool {
				token, _ := n.login(eve)
				return token != "" && n.use(token).status == http.StatusOK
			})
		}
		return time.Since(begin)
	}
	end := time.Now().Add(longer(t, 15*time.Second))
	var back []time.Duration
	for round := 0; round < 2 || time.Now().Before(end); round++ {
		time.Sleep(500 * time.Millisecond)
		down := time.Duration(300+rand.IntN(2500)) * time.Millisecond
		if round%2 == 0 {
			redis.freeze()
			time.Sleep(down)
			redis.thaw()
		} else {
			redis.kill()
			time.Sleep(down)
			redis.start()
		}
		back = append(back, recovered())
	}
	c.end()
	for _, p := range patrons {
		for _, n := range nodes {
			p.visit(w, n)
		}
	}
	f.requireNoRace()
	slices.Sort(back)
	var table strings.Builder
	for _, what := range slices.Sorted(maps.Keys(w.answers)) {
		fmt.Fprintf(&table, "\n%8d %s", w.answers[what], what)
	}
	t.Logf("%d outages; back at most %v after Redis; the longest answer took %v%s", len(back), back[len(back)-1], w.longest, &table)
	for _, what := range []string{"request of a live session: 200", "request of a live session: 503", "request after a logout: 401", "login: 503"} {
		if w.answers[what] == 0 {
			t.Errorf("there was no %s: this test tests nothing", what)
		}
	}
	if w.longest > 5*time.Second {
		t.Errorf("an answer took %v", w.longest)
	}
}
