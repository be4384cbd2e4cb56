// stats.go: medians and spreads.

package main

import (
	"math"
	"slices"
	"time"
)

// spread describes a series of numbers by their order, which a disturbed round
// cannot pull along.
type spread struct {
	Median float64 `json:"median"`
	MAD    float64 `json:"mad"`   // median distance from the median
	Error  float64 `json:"error"` // standard error of the median, if the rounds were independent
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func describe(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	s := spread{Median: median(values), Min: slices.Min(values), Max: slices.Max(values)}
	away := make([]float64, len(values))
	for i, v := range values {
		away[i] = math.Abs(v - s.Median)
	}
	s.MAD = median(away)
	// 1.48 MADs are one standard deviation of a normal distribution, and its
	// median scatters 1.25 times as much as its mean
	s.Error = 1.48 * 1.25 * s.MAD / math.Sqrt(float64(len(values)))
	return s
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// percentiles returns the 50th and the 99th, in milliseconds.
func percentiles(took []time.Duration) (p50, p99 float64) {
	slices.Sort(took)
	at := func(p float64) float64 {
		return micros(took[min(len(took)-1, int(p*float64(len(took))))]) / 1e3
	}
	return at(.5), at(.99)
}

// ratios are the quotients of the same rounds of two series.
func ratios(series, base []float64) []float64 {
	n := min(len(series), len(base))
	out := make([]float64, 0, n)
	for i := range n {
		if base[i] > 0 {
			out = append(out, series[i]/base[i])
		}
	}
	return out
}

// differences are those of the same rounds of two series.
func differences(series, base []float64) []float64 {
	n := min(len(series), len(base))
	out := make([]float64, n)
	for i := range n {
		out[i] = series[i] - base[i]
	}
	return out
}

// overall is the quotient of the sums.
func overall(series, base []float64) float64 {
	var above, below float64
	for i := range min(len(series), len(base)) {
		above, below = above+series[i], below+base[i]
	}
	if below == 0 {
		return 0
	}
	return above / below
}
