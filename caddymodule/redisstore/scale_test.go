// scale_test.go: what a login and a session cost Redis, with the records that the
// manager really makes.

package redisstore

import (
	"crypto/rand"
	"encoding/base64"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/seal"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

var users = flag.Int("users", 7900, "users of TestWhatASessionTakes; one million takes minutes")

// person is who logs in, of the length that WeChat's names have.
func person(n int) session.Identity {
	openid := fmt.Sprintf("o%010dABCDEFGHIJKLMNOPQ", n)
	var key [16]byte
	rand.Read(key[:])
	return session.Identity{AppID: "wx0123456789abcdef", OpenID: openid, UnionID: "o" + openid[:27], SessionKey: base64.StdEncoding.EncodeToString(key[:])}
}

func manager(t testing.TB, c *Client) *session.Manager {
	t.Helper()
	secret := make([]byte, 32)
	rand.Read(secret)
	keys, err := seal.NewKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	return session.NewManager(c, session.Options{Lifetime: 24 * time.Hour, PerUser: 10, Sealer: seal.NewFixed(keys)})
}

// The default is a little less than a power of two, as a million is: Redis doubles
// the tables of its keys at powers of two. With half as many users, what Redis keeps for itself
// shows in the figures.
//
// Memory of Redis for each user with one session, with the mark of the code; for a
// second device; and for knowing who reads what.
func TestWhatASessionTakes(t *testing.T) {
	s := startServer(t)
	m := manager(t, openOn(t, s))
	each := func(what string, do func(n int)) float64 {
		t.Helper()
		used := func() int64 { return stat(s, "used_memory") - stat(s, "mem_clients_normal") }
		before := used()
		var wg sync.WaitGroup
		next := make(chan int, 64)
		for range 16 {
			wg.Go(func() {
				for n := range next {
					do(n)
				}
			})
		}
		for n := range *users {
			next <- n
		}
		close(next)
		wg.Wait()
		took := float64(used()-before) / float64(*users)
		t.Logf("%s: %.0f bytes", what, took) // at once: with a million users it takes a while
		return took
	}
	var mu sync.Mutex
	ids := make([]string, *users)
	login := func(n int) {
		made, err := m.Login(ctx, person(n))
		for again := 0; err != nil && again < 10; again++ { // a busy machine
			made, err = m.Login(ctx, person(n))
		}
		if err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		ids[n] = made.ID
		mu.Unlock()
	}
	marks := each("the mark of a code", func(n int) {
		if first, err := m.RedeemCode(ctx, "wx0123456789abcdef", fmt.Sprint("code", n)); !first || err != nil {
			t.Error(first, err)
		}
	})
	s.say("FLUSHALL") // with a million users they would expire in what follows
	session := each("a session", login)
	second := each("a second device", login)
	third := each("a third device", login)
	tracking := each("a session in use", func(n int) {
		if _, err := m.Get(ctx, ids[n]); err != nil {
			t.Error(err)
		}
	})
	t.Logf("%d users: a session takes %.0f bytes of Redis, %.0f of them the mark of its code for ten minutes; a session in use %.0f more; a second device %.0f, a third %.0f",
		*users, session+marks, marks, tracking, second, third)
	for what, took := range map[string][2]float64{
		"a session": {session + marks, 550}, "a session in use": {tracking, 200}, "a second device": {second, 200},
	} {
		if took[0] > took[1] {
			t.Errorf("%s takes %.0f bytes, want at most %.0f", what, took[0], took[1])
		}
	}
}

// commands are those that Redis got since the last call.
func (s *server) commands() string {
	var list []string
	for _, line := range strings.Split(s.say("INFO", "commandstats"), "\n") {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		var calls int
		if fmt.Sscan(strings.SplitN(rest, ",", 2)[0], &calls); !ok || slices.Contains([]string{"hello", "ping", "info", "config|resetstat", "client|tracking"}, name) {
			continue
		}
		list = append(list, fmt.Sprint(name, " ", calls))
	}
	s.say("CONFIG", "RESETSTAT")
	return strings.Join(list, ", ")
}

// How often the gateway waits for an answer, and what Redis is asked.
func TestWhatALoginCosts(t *testing.T) {
	s := startServer(t)
	p := startProxy(t, s)
	m := manager(t, open(t, Options{URLs: []string{"redis://" + p.addr}}))
	warm, err := m.Login(ctx, person(1)) // connections are there from now on
	if err != nil {
		t.Fatal(err)
	}
	const delay = 100 * time.Millisecond // each way
	cost := func(what string, most int, trips float64, do func() error) {
		t.Helper()
		for attempt := 1; ; attempt++ { // a busy machine takes its time
			s.commands()
			p.slow(delay)
			start := time.Now()
			if err := do(); err != nil {
				t.Fatalf("%s = %v", what, err)
			}
			took := float64(time.Since(start)) / float64(2*delay)
			p.slow(0)
			commands := s.commands()
			n := 0
			for _, c := range strings.Split(commands, ", ") {
				var calls int
				name, number, _ := strings.Cut(c, " ")
				fmt.Sscan(number, &calls)
				switch {
				case name == "hincrby": // what is counted in a second is written together
					n--
					continue
				case name == "set" && what != "the mark of a code" || name == "get":
					continue // the gateway's own probe
				}
				n += calls
			}
			if n <= most && took <= trips+0.7 {
				t.Logf("%s: %.1f round trips, %d commands (%s)", what, took, n, commands)
				return
			}
			if attempt == 5 {
				t.Errorf("%s takes %.1f round trips and %d commands (%s), want at most %.0f and %d", what, took, n, commands, trips, most)
				return
			}
		}
	}
	people := 100
	somebody := func() session.Identity { people++; return person(people) }
	var made *session.Session
	cost("the mark of a code", 1, 1, func() error {
		_, err := m.RedeemCode(ctx, "wx0123456789abcdef", fmt.Sprint("code", time.Now()))
		return err
	})
	cost("a login", 6, 2, func() (err error) { made, err = m.Login(ctx, somebody()); return err })
	cost("a login on another device", 6, 2, func() (err error) { _, err = m.Login(ctx, person(people)); return err })
	cost("a request", 1, 1, func() error { _, err := m.Get(ctx, made.ID); return err })
	cost("a logout", 2, 2, func() error { return m.End(ctx, made.ID) })
	cost("a logout of the last session", 2, 2, func() error { return m.End(ctx, warm.ID) })
}
