// progress_test.go: what is told of a run that is under way.

package main

import (
	"strings"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	began := time.Unix(1000, 0)
	var out strings.Builder
	c := counter{out: &out, output: make(map[string][]string), passedIn: make(map[string]int), failedIn: make(map[string]int)}
	tell := func(after time.Duration, events ...event) string {
		t.Helper()
		for _, e := range events {
			c.running.take(e, began.Add(after))
			if e.Action == "pass" && e.Test != "" {
				c.passed++
			}
		}
		out.Reset()
		tick, quit := make(chan time.Time), make(chan struct{})
		ended := make(chan struct{})
		go func() { c.tellProgress(tick, began, quit); close(ended) }()
		tick <- began.Add(after + 30*time.Second)
		close(quit)
		<-ended
		return out.String()
	}
	for _, tt := range []struct {
		after  time.Duration
		events []event
		want   string
	}{
		{0, nil, "...   after 30s: 0 passed, 0 failed; building\n"},
		{60 * time.Second, []event{{Action: "start", Package: "m/gate"}}, "...   after 1m30s: 0 passed, 0 failed; gate for 30s\n"},
		{90 * time.Second, []event{{Action: "run", Package: "m/gate", Test: "TestA"}, {Action: "run", Package: "m/gate", Test: "TestA/sub"}},
			"...   after 2m0s: 0 passed, 0 failed; gate TestA/sub for 30s\n"},
		{120 * time.Second, []event{{Action: "pass", Package: "m/gate", Test: "TestA/sub"}}, "...   after 2m30s: 1 passed, 0 failed; gate TestA for 1m0s\n"},
		{150 * time.Second, []event{{Action: "fail", Package: "m/gate"}}, "...   after 3m0s: 1 passed, 0 failed; building\n"},
	} {
		if got := tell(tt.after, tt.events...); got != tt.want {
			t.Errorf("after %s: %q; want %q", tt.after, got, tt.want)
		}
	}
}
