// growth.go: what the gateways hold when nobody asks anything, before the trouble
// that they must outlive and after it.

package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

const (
	// moreGoroutines, and so on, are how much more a gateway may have at the end:
	// idle connections to Redis and WeChat come and go.
	moreGoroutines = 25
	moreHeap       = 16 << 20
	moreResident   = 96 << 20 // a heap that was large leaves memory to be reused

	// subsiding is how long it may take until what is idle is closed.
	subsiding = 100 * time.Second
)

// held is what one gateway holds.
type held struct {
	goroutines     int
	heap, resident int64
}

// growth is what all of them held at some moments.
type growth struct {
	moments []string
	held    map[string][]held // by gateway
	took    time.Duration     // until it was quiet at the end
}

func newGrowth() *growth { return &growth{held: make(map[string][]held)} }

// sample notes what the gateways hold, now that nobody asks them anything. The
// second time it waits until what is idle was closed.
func (s *growth) sample(w *world, moment string) {
	s.moments = append(s.moments, moment)
	begin := time.Now()
	for _, g := range w.gateways {
		var h held
		for {
			h = g.holds(w)
			first := s.held[g.name]
			if len(first) == 0 || h.grownFrom(first[0]) == "" || time.Since(begin) > subsiding {
				break
			}
			time.Sleep(time.Second)
		}
		s.held[g.name] = append(s.held[g.name], h)
	}
	s.took = time.Since(begin)
}

// holds looks at one gateway, after a garbage collection and without idle
// connections of ours.
func (g *gateway) holds(w *world) (h held) {
	g.http.CloseIdleConnections()
	w.backend.server.SetKeepAlivesEnabled(false) // closes those that are idle
	time.Sleep(300 * time.Millisecond)
	w.backend.server.SetKeepAlivesEnabled(true)
	g.command("GET", "/debug/pprof/heap?gc=1")
	for name, to := range map[string]func(float64){
		"go_goroutines":                 func(v float64) { h.goroutines = int(v) },
		"go_memstats_heap_alloc_bytes":  func(v float64) { h.heap = int64(v) },
		"process_resident_memory_bytes": func(v float64) { h.resident = int64(v) },
	} {
		v, err := g.metric(name)
		if err != nil {
			w.account.fail("%v", err)
		}
		to(v)
	}
	return h
}

// grownFrom tells what has grown by too much, or "".
func (h held) grownFrom(first held) string {
	switch {
	case h.goroutines > first.goroutines+moreGoroutines:
		return "goroutines"
	case h.heap > first.heap+first.heap/2+moreHeap:
		return "heap"
	case h.resident > first.resident+first.resident/2+moreResident:
		return "memory"
	}
	return ""
}

// judge fails the run for a gateway that has grown.
func (s *growth) judge(a *account) {
	for name, list := range s.held {
		if what := list[len(list)-1].grownFrom(list[0]); what != "" {
			a.fail("%s has more %s at the end than at the start: %+v, %+v", name, what, list[len(list)-1], list[0])
		}
	}
}

func (s *growth) print(out io.Writer) {
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "when quiet\tgoroutines\theap MiB\tresident MiB")
	for _, name := range []string{"gateway A", "gateway B", "gateway L"} {
		for i, h := range s.held[name] {
			fmt.Fprintf(table, "%s %s\t%d\t%.1f\t%.1f\n", name, s.moments[i], h.goroutines, float64(h.heap)/(1<<20), float64(h.resident)/(1<<20))
		}
	}
	table.Flush()
	fmt.Fprintf(out, "what was idle was gone after %v\n", s.took.Round(time.Second))
}
