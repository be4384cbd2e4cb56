package main

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"
)

func TestPercentFor(t *testing.T) {
	for _, tt := range []struct {
		live uint64
		want int
	}{
		{0, 1000}, {20 << 20, 1000}, {64 << 20, 400}, {128 << 20, 200}, {256 << 20, 100}, {4 << 30, 100},
	} {
		if got := percentFor(tt.live); got != tt.want {
			t.Errorf("beside %d MiB: %d %%; want %d %%", tt.live>>20, got, tt.want)
		}
	}
}

// collections runs the collector until ok says so.
func collections(ok func() bool) bool {
	for range 100 {
		if ok() {
			return true
		}
		runtime.GC()
		time.Sleep(10 * time.Millisecond) // finalizers run beside us
	}
	return false
}

func gcPercent() int {
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return percent
}

func TestFollowsEveryCollection(t *testing.T) {
	var calls atomic.Int32
	follow(func() { calls.Add(1) })
	if !collections(func() bool { return calls.Load() >= 3 }) {
		t.Errorf("called %d times", calls.Load())
	}
}

func TestTuneGC(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	t.Setenv("GOGC", "150")
	debug.SetGCPercent(150)
	tuneGC()
	if got := gcPercent(); got != 150 {
		t.Errorf("with GOGC=150: %d %%", got)
	}

	t.Setenv("GOGC", "")
	tuneGC()
	if got := gcPercent(); got != calmPercent {
		t.Errorf("with a small heap: %d %%; want %d %%", got, calmPercent)
	}
	ballast := make([]byte, 512<<20)
	if !collections(func() bool { return gcPercent() == leastPercent }) {
		t.Errorf("with a large heap: %d %%; want %d %%", gcPercent(), leastPercent)
	}
	runtime.KeepAlive(ballast)
	ballast = nil
	if !collections(func() bool { return gcPercent() == calmPercent }) {
		t.Errorf("with a small heap again: %d %%; want %d %%", gcPercent(), calmPercent)
	}
}
