// report.go: the table.

package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// report prints a line for each attack, then what went wrong, then the count.
func report(out io.Writer, results []*result, verbose bool, took time.Duration) (ok bool) {
	var attacks, controls, gotIn, refusedHonest, requests, notApplicable int
	fmt.Fprintf(out, "%-12s %-58s %8s %8s %8s %8s  %s\n", "item", "attack", "requests", "n/a", "refused", "passed", "verdict")
	for _, r := range results {
		word := "held"
		switch failed := len(r.problems) > 0; {
		case failed && r.control:
			word, refusedHonest = "REFUSED", refusedHonest+1
		case failed:
			word, gotIn = "GOT IN", gotIn+1
		case r.control:
			word = "served"
		}
		if r.control {
			controls++
		} else {
			attacks++
		}
		requests += r.requests
		notApplicable += r.notApplicable
		fmt.Fprintf(out, "%-12.12s %-58.58s %8d %8s %8s %8s  %s\n", r.item, r.name, r.requests, orDash(r.notApplicable), orDash(r.refused), orDash(r.passedOn), word)
		if verbose {
			fmt.Fprintf(out, "%-12s %s\n", "", r.story)
		}
	}
	for _, r := range results {
		if len(r.problems) == 0 {
			continue
		}
		fmt.Fprintf(out, "\n%s %s: %s\n", r.item, r.name, r.story)
		slices.Sort(r.problems)
		for _, problem := range r.problems[:min(len(r.problems), 8)] {
			fmt.Fprintf(out, "    %s\n", problem)
		}
		if more := len(r.problems) - 8; more > 0 {
			fmt.Fprintf(out, "    and %d more\n", more)
		}
	}
	fmt.Fprintf(out, "\n\"n/a\" counts what a protocol has no words for; \"passed\" is what reached the backend, without what the attack was after.\n")
	fmt.Fprintf(out, "%d attacks, %d got in; %d kinds of honest requests, %d refused; %d requests, %d not applicable; %.0f s\n",
		attacks, gotIn, controls, refusedHonest, requests, notApplicable, took.Seconds())
	return gotIn == 0 && refusedHonest == 0 && attacks > 0 && controls > 0
}

func orDash(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}
