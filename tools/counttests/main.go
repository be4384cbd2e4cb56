// main.go: runs go test, prints what matters, counts, keeps the exit status.

// Command counttests runs "go test -json" with its arguments and prints a line
// for each package, one every half minute that it lives, the output of what failed, and a last line that says how
// many tests passed and failed. A run that executed nothing has failed, and so
// has one that executed nothing of a package given with -require.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	require := flag.String("require", "", "the end of the import `path` of a package of which a test must have passed")
	flag.Parse()

	command := exec.Command("go", append([]string{"test", "-json"}, flag.Args()...)...)
	command.Stderr = os.Stderr
	stdout, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "counttests:", err)
		os.Exit(2)
	}
	// the terminal sends Ctrl-C to go test as well; we stay for its last words
	signal.Notify(make(chan os.Signal, 1), os.Interrupt, syscall.SIGTERM)

	c := counter{out: os.Stdout, output: make(map[string][]string), passedIn: make(map[string]int), failedIn: make(map[string]int)}
	quit := make(chan struct{})
	go c.tellProgress(time.Tick(progressEvery), time.Now(), quit)
	c.read(stdout)
	close(quit)
	err = command.Wait()
	os.Exit(c.conclude(err, *require))
}

// event is a line of "go test -json" (go doc test2json, go doc cmd/go "build -json").
type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

type counter struct {
	out                     io.Writer
	passed, failed, skipped int
	passedIn, failedIn      map[string]int      // by package
	output                  map[string][]string // by package and test, until it is known whether anybody needs it

	mu      sync.Mutex // guards all of it
	running running
}

func (c *counter) read(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		if len(line) > 0 {
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				c.take(e)
			} else {
				c.out.Write(line) // go test's own words
			}
		}
		if err != nil {
			return
		}
	}
}

func (c *counter) take(e event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running.take(e, time.Now())
	key := e.Package + "\x00" + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(c.out, e.Output)
	case "output":
		c.output[key] = append(c.output[key], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			c.endPackage(e)
			return
		}
		switch e.Action {
		case "pass":
			c.passed++
			c.passedIn[e.Package]++
		case "skip":
			c.skipped++
			fmt.Fprintf(c.out, "skip  %s %s\n", e.Package, e.Test)
		case "fail":
			c.failed++
			c.failedIn[e.Package]++
			fmt.Fprintf(c.out, "FAIL  %s %s (%.2fs)\n", e.Package, e.Test, e.Elapsed)
			c.show(c.output[key])
		}
		delete(c.output, key)
	}
}

func (c *counter) endPackage(e event) {
	switch e.Action {
	case "pass":
		fmt.Fprintf(c.out, "ok    %s (%d passed, %.1fs)\n", e.Package, c.passedIn[e.Package], e.Elapsed)
	case "skip":
		fmt.Fprintf(c.out, "-     %s (no test files)\n", e.Package)
	case "fail":
		fmt.Fprintf(c.out, "FAIL  %s (%.1fs)\n", e.Package, e.Elapsed)
		// a test that was running when the program died has no end of its own
		for _, key := range slices.Sorted(maps.Keys(c.output)) {
			if name, ok := strings.CutPrefix(key, e.Package+"\x00"); ok {
				if name != "" {
					fmt.Fprintf(c.out, "      %s did not end:\n", name)
				}
				c.show(c.output[key])
			}
		}
		if c.failedIn[e.Package] == 0 { // it did not build, or it died
			c.failed++
		}
	}
	maps.DeleteFunc(c.output, func(key string, _ []string) bool { return strings.HasPrefix(key, e.Package+"\x00") })
}

func (c *counter) show(lines []string) {
	for _, line := range lines {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "=== ") || strings.HasPrefix(text, "--- FAIL") || text == "FAIL" {
			continue
		}
		fmt.Fprint(c.out, "      ", line)
	}
}

// conclude prints the last line and returns the exit status.
func (c *counter) conclude(err error, require string) int {
	status := 0
	if err != nil || c.failed > 0 {
		status = 1
	}
	if err != nil && c.failed == 0 {
		fmt.Fprintln(c.out, "go test failed:", err)
		c.failed++
	}
	ran := require == ""
	for path, n := range c.passedIn {
		ran = ran || n > 0 && strings.HasSuffix(path, require)
	}
	switch {
	case c.passed+c.failed == 0:
		fmt.Fprintln(c.out, "No test was executed.")
		status = 1
	case !ran && status == 0:
		fmt.Fprintf(c.out, "No test of %s passed: this run proves too little.\n", require)
		c.failed++
		status = 1
	}
	fmt.Fprintf(c.out, "%d passed, %d failed", c.passed, c.failed)
	if c.skipped > 0 {
		fmt.Fprintf(c.out, ", %d skipped", c.skipped)
	}
	fmt.Fprintln(c.out)
	return status
}
