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

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// patron is a holder whose requests come one after the other.
type patron struct {
	mu sync.Mutex
	holder
	at    *gatewaytest.Node // where he logged out
	since time.Time         // when that was acknowledged
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
func (w *witness) hear(what string, got gatewaytest.Answer, want ...int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.longest = max(w.longest, got.Took)
	w.answers[fmt.Sprintf("%s: %d", what, got.Status)]++
	if got.Err == nil && slices.Contains(want, got.Status) {
		return true
	}
	after, _ := strconv.Atoi(got.Header.Get("Retry-After"))
	if got.Err != nil || got.Status != http.StatusServiceUnavailable || after < 1 || after > 60 {
		w.t.Errorf("%s = %v, Retry-After %q; want %d, or 503 and when to come back", what, got, got.Header.Get("Retry-After"), want)
	}
	return false
}

// visit is one request of somebody who may be in or out.
func (p *patron) visit(w *witness, n *gatewaytest.Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch p.standing {
	case lives:
		if got := n.Use(p.token); w.hear("request of a live session", got, http.StatusOK) && got.Body != p.openid {
			w.t.Errorf("the backend was told %q; want %q", got.Body, p.openid)
		}
	case ended:
		if n != p.at && time.Since(p.since) < seenWithin {
			return // the other gateway need not know yet
		}
		w.hear("request after a logout", n.Use(p.token), http.StatusUnauthorized)
	case unknown:
		got := n.Use(p.token)
		w.hear("request after a logout that got 503", got, http.StatusOK, http.StatusUnauthorized)
		if got.Status == http.StatusUnauthorized {
			p.standing, p.at, p.since = ended, n, time.Now()
		}
	}
}

// leave logs out.
func (p *patron) leave(w *witness, n *gatewaytest.Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.standing != lives {
		return
	}
	if w.hear("logout", n.Logout(p.token), http.StatusNoContent) {
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
	redis := gatewaytest.StartRedis(t)
	f := gatewaytest.NewFleet(t)
	nodes := []*gatewaytest.Node{f.Add("store redis redis://" + redis.Addr), f.Add("store redis redis://" + redis.Addr)}
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
	join := func(n *gatewaytest.Node) {
		mu.Lock()
		next++
		p := &patron{holder: holder{openid: gatewaytest.User(next)}}
		mu.Unlock()
		token, got := n.Login(p.openid)
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
	var c gatewaytest.Crew
	c.Work(12, func(worker int) {
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
			gatewaytest.Await(t, "the gateways to recover", func() bool {
				token, _ := n.Login(gatewaytest.Eve)
				return token != "" && n.Use(token).Status == http.StatusOK
			})
		}
		return time.Since(begin)
	}
	end := time.Now().Add(gatewaytest.Longer(t, 15*time.Second))
	var back []time.Duration
	for round := 0; round < 2 || time.Now().Before(end); round++ {
		time.Sleep(500 * time.Millisecond)
		down := time.Duration(300+rand.IntN(2500)) * time.Millisecond
		if round%2 == 0 {
			redis.Freeze()
			time.Sleep(down)
			redis.Thaw()
		} else {
			redis.Kill()
			time.Sleep(down)
			redis.Start()
		}
		back = append(back, recovered())
	}
	c.End()
	for _, p := range patrons {
		for _, n := range nodes {
			p.visit(w, n)
		}
	}
	f.RequireNoRace()
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
