// measure.go: one set: start all, let them take turns, end all.

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
)

// warmUp is how many requests come before the first that counts, at least one
// for each user.
const warmUp = 4000

// steadyTurns is how often each variant runs at the steady rate in a set.
const steadyTurns = 2

// measureSet adds the rounds of one set of processes to the report.
func measureSet(ctx context.Context, s *settings, b *binaries, dir string, variants []*variant, r *report) error {
	f, err := newFleet(ctx, b, dir)
	if err != nil {
		return err
	}
	defer f.stop()

	var proxies []*proxy
	for _, v := range variants {
		p, err := f.open(ctx, v, false)
		if err != nil {
			return err
		}
		if err := p.prepare(ctx, f, s.users); err != nil {
			return err
		}
		if err := p.dial(s.conns); err != nil {
			return err
		}
		defer closeAll(p.conns)
		if _, err := p.closed(ctx, 0, max(s.users, warmUp)); err != nil {
			return err
		}
		proxies = append(proxies, p)
	}

	first, before := 0, make(map[*proxy]heap)
	for _, p := range proxies {
		if before[p], err = p.heap(ctx); err != nil {
			return err
		}
	}
	for round := range max(1, s.rounds/s.sets) {
		if r.overBudget() {
			r.note("the time of -budget was over after %d rounds of %d in a set", round, s.rounds/s.sets)
			break
		}
		fmt.Fprint(os.Stderr, ".")
		sums := make(map[*proxy]*sample)
		for slice := range s.slices {
			n := (slice+1)*s.requests/s.slices - slice*s.requests/s.slices
			proxies = shuffled(proxies)
			for _, p := range proxies {
				t, err := p.closed(ctx, first, n)
				if err != nil {
					return err
				}
				if sums[p] == nil {
					sums[p] = new(sample)
				}
				sums[p].add(t)
			}
			first += n
		}
		for p, sum := range sums {
			r.of(p.variant).Closed = append(r.of(p.variant).Closed, sum.turn())
		}
	}
	for _, p := range proxies {
		if first == 0 {
			break // the time was over before the first round
		}
		after, err := p.heap(ctx)
		if err != nil {
			return err
		}
		r.of(p.variant).Allocs = after.since(before[p], first)
	}
	for range steadyTurns {
		if s.rate == 0 || r.overBudget() {
			break
		}
		fmt.Fprint(os.Stderr, "-")
		proxies = shuffled(proxies)
		for _, p := range proxies {
			t, err := p.steady(ctx, first, s.rate, s.steady)
			if err != nil {
				return err
			}
			r.of(p.variant).Steady = append(r.of(p.variant).Steady, t.turn())
		}
	}
	for _, p := range proxies {
		result := r.of(p.variant)
		result.MemoryMiB = max(result.MemoryMiB, peakMemory(p.process.PID()))
		if p.kind != gate || s.logins == 0 {
			continue
		}
		cost, err := p.measureLogins(ctx, f, s.logins)
		if err != nil {
			return err
		}
		result.Logins = append(result.Logins, *cost)
	}
	fmt.Fprintln(os.Stderr)
	return nil
}

// shuffled is a new order for each turn. Nobody runs twice in a row, with the
// caches still warm from the turn before, if there is anybody else.
func shuffled(proxies []*proxy) []*proxy {
	order := slices.Clone(proxies)
	last := order[len(order)-1]
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	if n := len(order); n > 1 && order[0] == last {
		order[0], order[n/2] = order[n/2], order[0]
	}
	return order
}
