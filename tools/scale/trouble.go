// trouble.go: what goes wrong while people are served.

package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// trouble lets a primary die and come back, slots move, and a gateway crash, spread
// over the duration, all of it with one primary whose clock is wrong. It returns what happened.
func trouble(ctx context.Context, d *driver, f *fleet, g *gateways) (lines []string) {
	duration := d.o.duration
	start := time.Now()
	note := func(format string, args ...any) {
		lines = append(lines, fmt.Sprintf("  %5.1fs "+format, append([]any{time.Since(start).Seconds()}, args...)...))
	}
	at := func(share float64) bool {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(time.Until(start.Add(time.Duration(share * float64(duration))))):
			return true
		}
	}
	masters := f.masters()
	if !at(0.1) || len(masters) < primaries {
		return append(lines, "  the cluster is not whole: no trouble was made")
	}
	for _, s := range f.servers {
		if s.skew != 0 {
			note("the clock of %s, a primary, has been %.1f s ahead from the start", s.name, s.ahead().Seconds())
		}
	}
	during := func(what string) { d.while.Store(&what) }
	defer d.while.Store(nil)
	during("a primary is dead")
	dead := masters[0]
	dead.kill()
	killed := time.Now()
	note("a primary with the slots of a third of the users is killed")
	for len(f.masters()) < primaries && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
	}
	during("its replica is the primary, and alone")
	note("its replica has its slots, after %.1f s", time.Since(killed).Seconds())
	if !at(0.4) {
		return lines
	}
	if err := dead.start(ctx); err != nil {
		note("it does not start: %v", err)
	} else {
		note("it is back, as a replica")
	}
	during("it is back")
	if !at(0.55) {
		return lines
	}
	masters = f.masters()
	id := func(s *server) string { return strings.TrimSpace(s.say("CLUSTER", "MYID")) }
	moved := time.Now()
	during("slots move")
	_, err := cli("--cluster", "reshard", masters[0].addr, "--cluster-from", id(masters[0]), "--cluster-to", id(masters[1]), "--cluster-slots", "500", "--cluster-yes")
	if err != nil {
		note("moving slots failed: %.200s", err.Error())
	} else {
		note("500 slots moved to another primary, in %.1f s", time.Since(moved).Seconds())
	}
	during("slots have moved")
	if !at(0.8) {
		return lines
	}
	during("a gateway is away")
	g.list[1].kill()
	note("a gateway is killed; the other has used all sessions")
	restarted := time.Now()
	if err := g.list[1].start(ctx); err != nil {
		note("it does not start: %v", err)
	} else {
		during("the gateway is back")
		note("it serves again, after %.1f s", time.Since(restarted).Seconds())
	}
	return lines
}
