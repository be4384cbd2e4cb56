// attack.go: firing the shots, and gathering what was seen.

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"regexp"
	"sync"
	"time"
)

// How many requests are under way at a time: those that are written byte by
// byte mostly wait for what does not come.
const (
	workers    = 12
	rawWorkers = 96
)

// result is what came of one attack.
type result struct {
	item, name, story string
	control           bool
	requests          int // that were sent
	notApplicable     int // that a protocol cannot say
	passedOn          int // that reached the backend
	refused           int // that were answered with 4xx or 5xx, or by hanging up
	problems          []string
	mu                sync.Mutex
}

// check notes a problem unless ok.
func (r *result) check(ok bool, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !ok {
		r.problems = append(r.problems, fmt.Sprintf(format, args...))
	}
}

// count notes a request of a scenario, and its answer if it has one.
func (r *result) count(a *answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if a != nil && (a.status == 0 || a.status >= 400) {
		r.refused++
	}
}

// attack sends all cases whose item or name matches, then plays the scenarios.
// Honest requests go first, and once more at the end: a gateway that has been
// broken refuses everything.
func attack(ctx context.Context, w *world, cases []attackCase, scenarios []scenario, only *regexp.Regexp) (results []*result, err error) {
	var honest, hostile []*attackCase
	for i := range cases {
		c := &cases[i]
		switch {
		case c.Control:
			honest = append(honest, c)
		case only.MatchString(c.Item + " " + c.Name):
			hostile = append(hostile, c)
		}
	}
	same := make(uniform)
	for i, round := range [][]*attackCase{honest, hostile, nil, honest} {
		if i == 2 {
			played, err := play(ctx, w, scenarios, only)
			if err != nil {
				return nil, err
			}
			results = append(results, played...)
			continue
		}
		fired, err := fire(ctx, w, round, same)
		if err != nil {
			return nil, err
		}
		if i == 3 {
			for _, r := range fired {
				r.name += ", after it all"
			}
		}
		results = append(results, fired...)
	}
	results = append(results, same.result(), w.strays(), w.afterwards())
	return results, ctx.Err()
}

// fire sends all shots of some cases and judges them together: a request may
// reach the backend after its client was turned away.
func fire(ctx context.Context, w *world, cases []*attackCase, same uniform) (results []*result, err error) {
	type fired struct {
		*shot
		answer answer
		result *result
	}
	var all []*fired
	for _, c := range cases {
		r := &result{item: c.Item, name: c.Name, story: c.Story, control: c.Control}
		results = append(results, r)
		shots, notApplicable, err := c.shots(w)
		if err != nil {
			return nil, err
		}
		shots = w.some(shots)
		r.requests, r.notApplicable = len(shots), notApplicable
		for _, x := range shots {
			all = append(all, &fired{shot: x, result: r})
		}
	}
	var wg sync.WaitGroup
	send := func(workers int, raw bool) {
		queue := make(chan *fired)
		for range workers {
			wg.Go(func() {
				c := newClient(w.clientTLS())
				defer c.close()
				for f := range queue {
					f.answer = c.send(f.shot)
				}
			})
		}
		wg.Go(func() {
			defer close(queue)
			for _, f := range all {
				if ctx.Err() == nil && (f.raw != "") == raw {
					queue <- f
				}
			}
		})
	}
	send(workers, false)
	send(rawWorkers, true)
	wg.Wait()
	time.Sleep(300 * time.Millisecond) // what is still on its way to the backend

	seen := w.backend.seen()
	for _, f := range all {
		w.know(f.nonce)
		j := judge(w, f.shot, &f.answer, seen[f.nonce])
		same.note(f.shot, &f.answer)
		if j.passedOn {
			f.result.passedOn++
		}
		if j.refused {
			f.result.refused++
		}
		for _, problem := range j.problems {
			f.result.check(false, "%s: %s", f.shot, problem)
		}
	}
	return results, ctx.Err()
}

// some takes a sample of the shots, evenly, if the world asks for one.
func (w *world) some(all []*shot) []*shot {
	if w.sample == 0 || len(all) <= w.sample {
		return all
	}
	var list []*shot
	for i := range w.sample {
		list = append(list, all[i*len(all)/w.sample])
	}
	return list
}

// clientTLS trusts the certificate of the sites.
func (w *world) clientTLS() *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.certificate)
	return &tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS12, RootCAs: roots}
}

// know notes a nonce of ours.
func (w *world) know(nonce string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nonces[nonce] = true
}

// strays are bytes at the backend that belong to no request of ours.
func (w *world) strays() *result {
	r := &result{item: "-", name: "nothing unknown reached the backend", story: "Bytes at the backend that carry no mark would be an attack that was not judged.", requests: 1}
	for nonce, list := range w.backend.seen() {
		for _, e := range list {
			r.check(w.nonces[nonce], "the backend got %q", e.raw)
		}
	}
	return r
}

// afterwards looks at what the gateways have written down.
func (w *world) afterwards() *result {
	r := &result{item: "L2 C13 H15", name: "no secret in any log", story: "The logs at DEBUG, access logs among them, are searched for app secrets, session keys, signing keys and tokens.", requests: len(w.gateways)}
	if err := w.inLogs(r.check); err != nil {
		r.check(false, "%v", err)
	}
	return r
}
