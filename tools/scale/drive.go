// drive.go: people who log in, ask and log out, and what must be answered.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// workers have users of their own, so that each knows what its users did.
const workers = 48

// person is what a worker knows of a user.
type person struct {
	token string
	ended time.Time // when the logout was acknowledged; zero while logged in
	maybe bool      // a logout failed: it may have happened
}

type driver struct {
	o        options
	gateways *gateways
	http     *http.Client
	people   []person

	made  atomic.Int64
	wrong atomic.Int64
	while atomic.Pointer[string] // what trouble there is; nil for none

	mu      sync.Mutex
	faults  []string
	took    map[string][]time.Duration
	refused map[string]int
}

func newDriver(o options, g *gateways) *driver {
	d := &driver{o: o, gateways: g, people: make([]person, o.sessions), http: &http.Client{
		Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: workers, DisableCompression: true},
	}}
	d.reset()
	return d
}

func (d *driver) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.took, d.refused = map[string][]time.Duration{}, map[string]int{}
}

// trouble says when something was refused.
func (d *driver) trouble() string {
	if t := d.while.Load(); t != nil {
		return ", " + *t
	}
	return ""
}

// fault notes what must not happen.
func (d *driver) fault(format string, args ...any) {
	if d.wrong.Add(1) <= 20 {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.faults = append(d.faults, fmt.Sprintf(format, args...))
	}
}

// call sends a request and notes how long it took, or how it was refused.
func (d *driver) call(what, method, path, token string, body any) (status int, text []byte) {
	var reader io.Reader
	if body != nil {
		b, _ := json.Marshal(body)
		reader = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, "http://"+d.gateways.site()+path, reader)
	if err != nil {
		panic(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	start := time.Now()
	answer, err := d.http.Do(r)
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(answer.Body, 64<<10))
		answer.Body.Close()
		status = answer.StatusCode
	}
	took := time.Since(start)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err != nil:
		d.refused[what+": no answer"+d.trouble()]++
		return 0, nil
	case status >= 500:
		var problem struct{ Error string }
		_ = json.Unmarshal(text, &problem)
		d.refused[fmt.Sprintf("%s: %d %s%s", what, status, problem.Error, d.trouble())]++
	default:
		d.took[what] = append(d.took[what], took)
	}
	return status, text
}

func (d *driver) login(user int) {
	status, text := d.call("login", http.MethodPost, "/wechat/login", "", map[string]string{"code": fmt.Sprintf("%d-%d", user, rand.Uint64())})
	var answer struct{ Token, OpenID string }
	switch {
	case status == 200 && json.Unmarshal(text, &answer) == nil && answer.OpenID == openidOf(user):
		d.people[user] = person{token: answer.Token}
		d.made.Add(1)
	case status != 0 && status < 500:
		d.fault("login of user %d: %d %.100s", user, status, text)
	}
}

// ask demands that a session which lives is answered as its user, and none that ended.
func (d *driver) ask(user int) {
	p := d.people[user]
	if p.token == "" || !p.ended.IsZero() && time.Since(p.ended) < time.Second {
		return
	}
	status, text := d.call("request", http.MethodGet, "/", p.token, nil)
	switch {
	case status == 200 && string(text) != openidOf(user):
		d.fault("user %d was taken for %q", user, text)
	case status == 200 && !p.ended.IsZero():
		d.fault("user %d is in, %v after the logout", user, time.Since(p.ended))
	case status == 401 && p.ended.IsZero() && !p.maybe:
		d.fault("user %d, who is logged in, was refused: %.100s", user, text)
	case status != 200 && status != 401 && status != 0 && status < 500:
		d.fault("request of user %d: %d %.100s", user, status, text)
	}
}

func (d *driver) logout(user int) {
	p := &d.people[user]
	if p.token == "" || !p.ended.IsZero() {
		return
	}
	switch status, text := d.call("logout", http.MethodPost, "/wechat/logout", p.token, nil); {
	case status == 204, status == 401 && p.maybe:
		p.ended = time.Now()
	case status == 0 || status >= 500:
		p.maybe = true
	default:
		d.fault("logout of user %d: %d %.100s", user, status, text)
	}
}

// each runs work for the users of each worker.
func (d *driver) each(work func(worker int, users []int)) time.Duration {
	start := time.Now()
	var wg sync.WaitGroup
	for worker := range workers {
		var users []int
		for user := worker; user < len(d.people); user += workers {
			users = append(users, user)
		}
		wg.Go(func() { work(worker, users) })
	}
	wg.Wait()
	return time.Since(start)
}

// fill makes a session for everybody, at the stated rate.
func (d *driver) fill(ctx context.Context) time.Duration {
	pace := time.Second * workers / time.Duration(d.o.rate)
	return d.each(func(_ int, users []int) {
		next := time.Now()
		for _, user := range users {
			if ctx.Err() != nil {
				return
			}
			time.Sleep(time.Until(next))
			next = next.Add(pace)
			d.login(user)
		}
	})
}

// mix lets people do what they do: mostly ask.
func (d *driver) mix(ctx context.Context) time.Duration {
	return d.each(func(worker int, users []int) {
		rnd := rand.New(rand.NewPCG(d.o.seed, uint64(worker)))
		for ctx.Err() == nil && len(users) > 0 {
			user := users[rnd.IntN(len(users))]
			switch n := rnd.IntN(100); {
			case n < 80:
				d.ask(user)
			case n < 90:
				d.logout(user)
			default:
				d.login(user)
			}
			time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond)
		}
	})
}

// judge asks for every session once.
func (d *driver) judge(ctx context.Context) time.Duration {
	time.Sleep(time.Second)
	return d.each(func(_ int, users []int) {
		for _, user := range users {
			if ctx.Err() == nil {
				d.ask(user)
			}
		}
	})
}

// report prints what a phase took.
func (d *driver) report(phase string, took time.Duration, before, after usage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := 0
	var lines []string
	for what, list := range d.took {
		sort.Slice(list, func(i, j int) bool { return list[i] < list[j] })
		all += len(list)
		lines = append(lines, fmt.Sprintf("  %s: %d, p50 %.1f ms, p99 %.1f ms, longest %.0f ms", what, len(list),
			ms(list[len(list)/2]), ms(list[len(list)*99/100]), ms(list[len(list)-1])))
	}
	for what, n := range d.refused {
		lines = append(lines, fmt.Sprintf("  refused, %s: %d", what, n))
	}
	sort.Strings(lines)
	fmt.Printf("%s: %d calls in %v", phase, all, took.Round(time.Millisecond))
	if cpu := after.gateways - before.gateways; cpu > 0 && all > 0 {
		fmt.Printf(", CPU a call: %d µs of gateways, %d µs of Redis", cpu.Microseconds()/int64(all), (after.redis-before.redis).Microseconds()/int64(all))
	}
	fmt.Println()
	fmt.Println(strings.Join(lines, "\n"))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
