// main.go: starts everything, fires the corpus, prints the table.

// Command attack is what "make attack" runs: it attacks a built gateway with
// everything in its corpus, over HTTP/1.1 with and without TLS, HTTP/2, h2c and
// HTTP/3. The verdict is taken from the raw bytes that reached the backend, read
// as the most credulous backend would read them, from what the client got, and
// from what WeChat was asked.
//
// The corpus is the data in corpus/*.json (corpus.go says how it is written) and
// the scenarios, attacks that take more than one request (scenario.go). Honest
// requests are among them: when one is refused the run has proved nothing, and
// fails as if an attack had got in.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"syscall"
	"time"
)

func main() {
	// the kernel ends our children with the thread that started them (Linux)
	runtime.LockOSThread()

	bin := flag.String("bin", "bin", "`directory` of caddy and wechatsim")
	only := flag.String("run", "", "only the cases whose item and name match this `pattern`")
	verbose := flag.Bool("v", false, "tell what each attack does")
	keep := flag.Bool("keep", false, "keep the directory with the logs")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ok, err := run(ctx, *bin, *only, *verbose, *keep, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "make attack:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(ctx context.Context, bin, only string, verbose, keep bool, out io.Writer) (ok bool, err error) {
	pattern, err := regexp.Compile("(?i)" + only)
	if err != nil {
		return false, err
	}
	cases, err := loadCorpus()
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "attack-")
	if err != nil {
		return false, err
	}
	if keep {
		fmt.Fprintln(out, "The logs are in", dir)
	} else {
		defer os.RemoveAll(dir)
	}

	began := time.Now()
	w, err := startWorld(ctx, bin, dir)
	if err != nil {
		return false, err
	}
	defer w.stop()
	webCases, err := loadWebCases()
	if err != nil {
		return false, err
	}
	web, err := startWebWorld(ctx, bin, dir) // now: a ticket of its is late when the rest is over
	if err != nil {
		return false, err
	}
	defer web.stop()
	results, err := attack(ctx, w, cases, scenarios, pattern)
	if err != nil {
		return false, err
	}
	results = append(results, playWeb(web, webCases, pattern)...)
	return report(out, results, verbose, time.Since(began)), nil
}
