// report.go: what was found, as a table and as JSON.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"text/tabwriter"
	"time"
)

type report struct {
	Began      time.Time  `json:"began"`
	Seconds    float64    `json:"seconds"`
	CPUs       int        `json:"cpus"`
	Go         string     `json:"go"`
	LoadBefore float64    `json:"load_before"`
	LoadAfter  float64    `json:"load_after"`
	Users      int        `json:"users"`
	Conns      int        `json:"connections"`
	Requests   int        `json:"requests_per_round"`
	Rate       int        `json:"steady_rate"`
	Notes      []string   `json:"notes,omitempty"`
	Variants   []*outcome `json:"variants"`

	budget    time.Duration
	byVariant map[*variant]*outcome
}

// outcome is all that was measured of one variant.
type outcome struct {
	Name      string      `json:"name"`
	Base      string      `json:"base,omitempty"`
	Closed    []turn      `json:"closed_loop"`
	Steady    []turn      `json:"steady_rate,omitempty"`
	Logins    []loginCost `json:"logins,omitempty"`
	Allocs    allocations `json:"allocations"` // of the last set
	MemoryMiB float64     `json:"peak_memory_mib"`
	CPU       spread      `json:"cpu_us"`
	ToBase    spread      `json:"to_base"`
	ToStock   spread      `json:"to_stock"`
	Over      spread      `json:"over_base_us"`

	// of all rounds together: disturbed rounds count in full
	OverallToBase  float64 `json:"overall_to_base,omitempty"`
	OverallToStock float64 `json:"overall_to_stock,omitempty"`
}

func newReport(s *settings, variants []*variant, notes []string) *report {
	r := &report{
		Began: time.Now(), CPUs: runtime.NumCPU(), Go: runtime.Version(), LoadBefore: loadAverage(),
		Users: s.users, Conns: s.conns, Requests: s.requests, Rate: s.rate, Notes: notes,
		budget: s.budget, byVariant: make(map[*variant]*outcome),
	}
	for _, v := range variants {
		o := &outcome{Name: v.name, Base: v.base}
		r.Variants = append(r.Variants, o)
		r.byVariant[v] = o
	}
	return r
}

func (r *report) of(v *variant) *outcome { return r.byVariant[v] }

func (r *report) overBudget() bool { return time.Since(r.Began) > r.budget }

func (r *report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

func (r *report) named(name string) *outcome {
	for _, o := range r.Variants {
		if o.Name == name {
			return o
		}
	}
	return nil
}

// finish works out medians and ratios.
func (r *report) finish() {
	r.Seconds, r.LoadAfter = time.Since(r.Began).Seconds(), loadAverage()
	cpu := func(o *outcome) []float64 {
		return column(o.Closed, func(t turn) float64 { return t.CPU })
	}
	for _, o := range r.Variants {
		o.CPU = describe(cpu(o))
		if base := r.named(o.Base); base != nil {
			o.ToBase = describe(ratios(cpu(o), cpu(base)))
			o.OverallToBase = overall(cpu(o), cpu(base))
			o.Over = describe(differences(cpu(o), cpu(base)))
		}
		if stock := r.named("stock"); stock != nil && stock != o {
			o.ToStock = describe(ratios(cpu(o), cpu(stock)))
			o.OverallToStock = overall(cpu(o), cpu(stock))
		}
	}
}

func column(turns []turn, of func(turn) float64) []float64 {
	out := make([]float64, len(turns))
	for i, t := range turns {
		out[i] = of(t)
	}
	return out
}

const legend = `CPU: user and system time of the proxy's own process(es) per request, in µs; median over rounds, ±MAD, least to most.
to base: against the variant that it names, also as a difference in µs; to stock: against Caddy without our module.
Ratios and differences are medians of those of single rounds, ± their standard error; one below twice that is noise.
req/s, p50, p99: closed loop, %d connections, %d users. p99 steady: at %d req/s, counted from when a request was due.
allocs, KiB: what the proxy allocates for a request; hardly disturbed by other load.
check: CPU per request of what is asked. Of forward-auth and nginx-auth that is the backend, its answer to the proxied
request included, and not in the column CPU; of nginx-hmac, nginx-respond and nginx-check it is in it.
`

func (r *report) print(out io.Writer) {
	fmt.Fprintf(out, "\n%d CPUs, %s, load average %.1f before and %.1f after, %.0f s\n\n", r.CPUs, r.Go, r.LoadBefore, r.LoadAfter, r.Seconds)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "variant\tCPU µs\t±\trange\tbase\tto base\tµs more\tto stock\treq/s\tp50 ms\tp99 ms\tp99 steady\tRSS MiB\tallocs\tKiB\tcheck\t")
	for _, o := range r.Variants {
		med := func(turns []turn, of func(turn) float64) float64 { return median(column(turns, of)) }
		steady, helper, objects, kib := "-", "-", "-", "-"
		if len(o.Steady) > 0 {
			steady = fmt.Sprintf("%.2f", med(o.Steady, func(t turn) float64 { return t.P99 }))
		}
		if o.Allocs.Objects > 0 {
			objects, kib = fmt.Sprintf("%.1f", o.Allocs.Objects), fmt.Sprintf("%.2f", o.Allocs.Bytes/1024)
		}
		if v := med(o.Closed, func(t turn) float64 { return t.Helper }); v > 0 {
			helper = fmt.Sprintf("%.1f", v)
		}
		base, more := "-", "-"
		if o.ToBase.Median > 0 {
			base, more = o.Base, fmt.Sprintf("%.1f ±%.1f", o.Over.Median, o.Over.Error)
		}
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.0f-%.0f\t%s\t%s\t%s\t%s\t%.0f\t%.2f\t%.2f\t%s\t%.0f\t%s\t%s\t%s\t\n",
			o.Name, o.CPU.Median, o.CPU.MAD, o.CPU.Min, o.CPU.Max, base, ratio(o.ToBase), more, ratio(o.ToStock),
			med(o.Closed, func(t turn) float64 { return float64(r.Requests) / t.Seconds }),
			med(o.Closed, func(t turn) float64 { return t.P50 }), med(o.Closed, func(t turn) float64 { return t.P99 }),
			steady, o.MemoryMiB, objects, kib, helper)
	}
	_ = t.Flush()
	fmt.Fprintln(out)
	r.printLogins(out)
	fmt.Fprintf(out, legend, r.Conns, r.Users, r.Rate)
	for _, note := range r.Notes {
		fmt.Fprintln(out, "note:", note)
	}
}

func (r *report) printLogins(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "logins at\tCPU µs\t±\trange\tlogins/s\tone by one, ms\tto POST\t")
	any := false
	for _, o := range r.Variants {
		var cpu, rate, serial, authorize, callback []float64
		for _, l := range o.Logins {
			cpu, rate, serial = append(cpu, l.CPU...), append(rate, l.Rate...), append(serial, l.Serial)
			authorize, callback = append(authorize, l.Authorize...), append(callback, l.Callback...)
		}
		if len(cpu) == 0 {
			continue
		}
		any = true
		s := describe(cpu)
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.0f-%.0f\t%.0f\t%.2f\t-\t\n", o.Name, s.Median, s.MAD, s.Min, s.Max, median(rate), median(serial))
		for i, values := range [][]float64{callback, authorize} {
			name := [...]string{"callback", "authorize"}[i]
			if s := describe(values); len(values) > 0 {
				fmt.Fprintf(t, "%s, %s\t%.0f\t%.0f\t%.0f-%.0f\t-\t-\t%s\t\n", o.Name, name, s.Median, s.MAD, s.Min, s.Max, ratio(describe(ratios(values, cpu))))
			}
		}
	}
	if any {
		_ = t.Flush()
		fmt.Fprint(out, "Logins: CPU of the gateway alone; the times include the simulator's answer. Allocations: make bench.\n"+
			"callback: ends a login by redirect, as POST login ends another; authorize begins it. Against POST login at the same gateway.\n\n")
	}
}

func ratio(s spread) string {
	if s.Median == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3f ±%.3f", s.Median, s.Error)
}

func (r *report) writeJSON(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}
