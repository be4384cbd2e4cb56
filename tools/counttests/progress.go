// progress.go: shows that a long run lives, and on what it is.

package main

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// progressEvery is how long a run may be silent.
const progressEvery = 30 * time.Second

// running are the tests that have begun and not ended, by package and name. A test
// that has subtests under way is not told beside them.
type running map[string]time.Time

func (r *running) take(e event, now time.Time) {
	if *r == nil {
		*r = make(running)
	}
	key := path.Base(e.Package) + " " + e.Test
	switch {
	case e.Test == "" && e.Action != "start":
		maps.DeleteFunc(*r, func(k string, _ time.Time) bool { return strings.HasPrefix(k, key) })
	case e.Action == "run" || e.Action == "start": // a test, or a package
		(*r)[key] = now
	case e.Action == "pass" || e.Action == "fail" || e.Action == "skip":
		delete(*r, key)
	}
}

// longest tells the test that has run the longest.
func (r running) longest(now time.Time) string {
	names := slices.SortedFunc(maps.Keys(r), func(a, b string) int {
		return cmp.Or(r[a].Compare(r[b]), cmp.Compare(a, b))
	})
	for _, name := range names {
		outer := slices.ContainsFunc(names, func(other string) bool {
			return strings.HasPrefix(other, name+"/") || strings.HasSuffix(name, " ") && other != name && strings.HasPrefix(other, name)
		})
		if !outer {
			return fmt.Sprintf("; %s for %s", strings.TrimSpace(name), now.Sub(r[name]).Round(time.Second))
		}
	}
	return "; building"
}

// tellProgress prints a line at each tick.
func (c *counter) tellProgress(tick <-chan time.Time, began time.Time, quit <-chan struct{}) {
	for {
		select {
		case <-quit:
			return
		case now := <-tick:
			c.mu.Lock()
			fmt.Fprintf(c.out, "...   after %s: %d passed, %d failed%s\n", now.Sub(began).Round(time.Second), c.passed, c.failed, c.running.longest(now))
			c.mu.Unlock()
		}
	}
}
