// gc.go: garbage collection fit for a proxy, whose live heap is small and whose
// garbage is plenty.

package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	calmPercent  = 1000      // of the live heap may be garbage before it is collected
	leastPercent = 100       // Go's own setting
	headroom     = 256 << 20 // bytes of garbage at which the percentage begins to fall
)

// tuneGC trades some memory, 256 MiB at most, for fewer collections: at Go's own
// setting a busy proxy with a heap of 20 MiB collects a hundred times a second. A
// large heap, such as that of a million sessions in memory, is collected as Go
// would.
//
// An operator who sets GOGC decides for themselves. A memory limit (GOMEMLIMIT, or the
// container's, which Caddy reads) holds in any case: near it the runtime collects
// as often as it must, whatever the percentage.
func tuneGC() {
	if os.Getenv("GOGC") != "" {
		return
	}
	percent := calmPercent
	debug.SetGCPercent(percent)
	follow(func() {
		if want := percentFor(liveHeap()); want != percent {
			percent = want
			debug.SetGCPercent(percent)
		}
	})
}

// percentFor returns how much garbage there may be beside so much live heap.
func percentFor(live uint64) int {
	return int(min(calmPercent, max(leastPercent, headroom*100/max(live, 1))))
}

func liveHeap() uint64 {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return live[0].Value.Uint64()
}

// follow calls f after each collection: the runtime then finalizes what was
// garbage, and an object that asks to be finalized again is so next time.
func follow(f func()) {
	type cycle struct{ _ *byte }
	var again func(*cycle)
	again = func(c *cycle) {
		f()
		runtime.SetFinalizer(c, again)
	}
	runtime.SetFinalizer(new(cycle), again)
}
