// entry_test.go: entries end by the wall clock and by what has passed.

package memorystore

import (
	"testing"
	"time"
)

// An entry of one hour is made when the wall clock has been set by some amount already,
// and that is set again while it lives.
func TestEntriesEndByBothClocks(t *testing.T) {
	const hour, second = time.Hour, time.Second
	start := time.Duration(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	for _, set := range []time.Duration{0, -10 * time.Nanosecond, 9 * hour, -9 * hour, 2500 * time.Millisecond, -2500 * time.Millisecond, -50 * 365 * 24 * hour} {
		at := func(passed, setAgain time.Duration) reading {
			return reading{wall: start + set + setAgain + passed, steady: start + passed}
		}
		e := newEntry("key", nil, at(0, 0), time.Unix(0, int64(at(hour, 0).wall)))
		for _, tt := range []struct {
			what             string
			passed, setAgain time.Duration
			live             bool
		}{
			{"at once", 0, 0, true},
			{"a moment before its end", hour - 2*time.Millisecond, 0, true},
			{"at its end", hour, 0, false},
			{"set back", hour - 2*time.Millisecond, -5 * hour, true},
			{"set back, a second after its end", hour + second, -5 * hour, false},
			{"set forward", second, hour, false},
			{"set forward, before its end", second, hour - 2*second, true},
		} {
			if live := e.live(at(tt.passed, tt.setAgain)); live != tt.live {
				t.Errorf("clock set by %v before, %s: live = %v, want %v", set, tt.what, live, tt.live)
			}
		}
	}
}
