// load.go: the two kinds of load: a closed loop, and a steady rate.

package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// turn is what one variant showed in one round. The CPU time of a check that is no
// backend at the same time is in CPU, too.
type turn struct {
	CPU     float64 `json:"cpu_us"`                  // of the proxy, per request
	Helper  float64 `json:"helper_cpu_us,omitempty"` // of what was asked, per request
	Seconds float64 `json:"seconds"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
}

// sample is what the clocks showed over some requests.
type sample struct {
	cpu, helper, wall time.Duration
	took              []time.Duration
}

func (s *sample) add(t sample) {
	s.cpu, s.helper, s.wall = s.cpu+t.cpu, s.helper+t.helper, s.wall+t.wall
	s.took = append(s.took, t.took...)
}

func (s *sample) turn() turn {
	n := float64(len(s.took))
	t := turn{CPU: micros(s.cpu) / n, Helper: micros(s.helper) / n, Seconds: s.wall.Seconds()}
	t.P50, t.P99 = percentiles(s.took)
	return t
}

// each calls do n times, spread over the connections; every connection waits for
// its answer before it asks again. The first error ends all.
func each(ctx context.Context, conns []*conn, n int, do func(c *conn, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	deadline := time.Now().Add(turnTimeout)
	for _, c := range conns {
		wg.Go(func() {
			_ = c.SetDeadline(deadline)
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(c, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// closed sends n requests as fast as the proxy answers, beginning with the
// request of the user first.
func (p *proxy) closed(ctx context.Context, first, n int) (sample, error) {
	took := make([]time.Duration, n)
	return p.timed(took, func() error {
		return each(ctx, p.conns, n, func(c *conn, i int) error {
			start := time.Now()
			err := c.do(p.requests[(first+i)%len(p.requests)])
			took[i] = time.Since(start)
			return err
		})
	})
}

// steady sends requests at a rate. Each has its time, and its latency counts
// from that time even if no connection was free then.
func (p *proxy) steady(ctx context.Context, first, rate int, length time.Duration) (sample, error) {
	n := max(1, int(float64(rate)*length.Seconds()))
	took := make([]time.Duration, n)
	return p.timed(took, func() error {
		start := time.Now().Add(5 * time.Millisecond)
		return each(ctx, p.conns, n, func(c *conn, i int) error {
			due := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
			time.Sleep(time.Until(due))
			err := c.do(p.requests[(first+i)%len(p.requests)])
			took[i] = time.Since(due)
			return err
		})
	})
}

// timed runs a load and reads the clocks around it.
func (p *proxy) timed(took []time.Duration, load func() error) (sample, error) {
	s := sample{took: took}
	proxyBefore, helperBefore, err := p.clocks()
	if err != nil {
		return s, err
	}
	start := time.Now()
	if err := load(); err != nil {
		return s, p.failed(err)
	}
	s.wall = time.Since(start)
	proxyAfter, helperAfter, err := p.clocks()
	s.cpu, s.helper = proxyAfter-proxyBefore, helperAfter-helperBefore
	return s, err
}

// clocks are the CPU times of the proxy, with the door that it asks, and of the door or
// the backend that it asks.
func (p *proxy) clocks() (proxy, helper time.Duration, err error) {
	if proxy, err = cpuTime(p.process.PID()); err != nil {
		return 0, 0, err
	}
	switch {
	case p.helper != nil:
		helper, err = cpuTime(p.helper.PID())
	case p.door != nil:
		helper, err = cpuTime(p.door.process.PID())
		proxy += helper
	}
	return proxy, helper, err
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
