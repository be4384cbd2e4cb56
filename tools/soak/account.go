// account.go: every request, by kind and answer, and what was wrong.

package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

const unexplained = "UNEXPLAINED"

// class is a line of the account: what was asked, with which session, what came of
// it, and why that is not what the client wants, or "".
type class struct{ kind, session, answer, why string }

// account is safe for concurrent use.
type account struct {
	mu        sync.Mutex
	classes   map[class]int
	disturbed map[string]int // by trouble
	failures  []string
	failed    int
}

func newAccount() *account {
	return &account{classes: make(map[class]int), disturbed: make(map[string]int)}
}

// count notes an answer. A kind may name a session behind a comma.
func (a *account) count(kind, answer, why string) {
	kind, session, _ := strings.Cut(kind, ", ")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.classes[class{kind, session, answer, why}]++
}

// disturb counts an answer that one trouble explains.
func (a *account) disturb(kind, answer string, by *trouble) {
	a.count(kind, answer, by.cause.String())
	a.mu.Lock()
	defer a.mu.Unlock()
	a.disturbed[by.what]++
}

// fail notes what must not be. The first of many are told.
func (a *account) fail(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed++; len(a.failures) < 20 {
		a.failures = append(a.failures, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

// print writes the account and reports whether all was well.
func (a *account) print(out io.Writer, took time.Duration) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := slices.SortedFunc(maps.Keys(a.classes), func(x, y class) int {
		return cmp.Or(cmp.Compare(x.kind, y.kind), cmp.Compare(x.session, y.session), cmp.Compare(x.answer, y.answer), cmp.Compare(x.why, y.why))
	})
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "what\tsession\tanswer\tnumber\texplained by")
	var last class
	sum, disturbed := 0, 0
	for _, c := range list {
		kind, session := c.kind, c.session
		if kind == last.kind {
			if kind = ""; session == last.session {
				session = ""
			}
		}
		last = c
		sum += a.classes[c]
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", kind, session, c.answer, a.classes[c], c.why)
	}
	fmt.Fprintln(table, "\t\t\t\t\nwhat was wrong\t\t\tdisturbed\t")
	for _, what := range slices.Sorted(maps.Keys(a.disturbed)) {
		disturbed += a.disturbed[what]
		fmt.Fprintf(table, "%s\t\t\t%d\t\n", what, a.disturbed[what])
	}
	table.Flush()
	fmt.Fprintln(out)
	for _, text := range a.failures {
		fmt.Fprintln(out, "WRONG:", strings.TrimSpace(text))
	}
	fmt.Fprintf(out, "%d requests in %v, %d of them disturbed and explained, %d things wrong\n", sum, took.Round(time.Second), disturbed, a.failed)
	return a.failed == 0
}
