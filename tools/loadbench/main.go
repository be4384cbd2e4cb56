// main.go: what the program does, from the first process to the last line.

// Command loadbench measures what the gateway costs: CPU time per request of
// proxy processes that stand side by side on this machine and take turns under
// the same load. It reports each against plain reverse_proxy of the same binary
// and against Caddy without the gateway.
//
// Turns are short and interleaved, so that what else the machine does hits all
// alike; the ratios are medians over rounds. Everything listens on 127.0.0.1
// and ends with the program. Linux only.
//
//	go build -C tools -o "$PWD/.run/loadbench" ./loadbench && .run/loadbench
//	.run/loadbench -h
//
// With -relay it measures wechat_api and wechat_push instead.
//
// With -profile it makes the profile that the compiler reads from
// cmd/caddy/default.pgo:
//
//	.run/loadbench -profile cmd/caddy/default.pgo
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// Children die with the thread that started them, so the main goroutine starts
// them all and keeps its thread.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) == 3 {
		if serve := map[string]func(string) error{roleArgument: serveRole, hmacArgument: serveHMAC}[os.Args[1]]; serve != nil {
			fmt.Fprintln(os.Stderr, serve(os.Args[2]))
			os.Exit(1)
		}
	}
	if len(os.Args) == 3 && os.Args[1] == wechatRole {
		fmt.Fprintln(os.Stderr, serveWeChat(os.Args[2]))
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, errHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "loadbench:", err)
		os.Exit(2)
	}
	if err := run(ctx, s, os.Stdout); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "loadbench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s *settings, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "loadbench-")
	if err != nil {
		return err
	}
	defer func() {
		if s.keep {
			fmt.Fprintln(os.Stderr, "kept:", dir)
		} else if e := os.RemoveAll(dir); err == nil {
			err = e
		}
	}()

	bins, err := build(ctx, s, dir)
	if err != nil {
		return err
	}
	if s.relay {
		return relayBench(ctx, s, bins, dir, out)
	}
	variants, notes := choose(s, bins)
	for _, note := range notes {
		fmt.Fprintln(os.Stderr, note)
	}
	if len(variants) == 0 {
		return errors.New("no variant is left to run")
	}
	if s.profile != "" {
		return profile(ctx, s, bins, dir)
	}

	r := newReport(s, variants, notes)
	for set := range s.sets {
		if set > 0 && r.overBudget() {
			r.note("the time of -budget was over after %d of %d sets", set, s.sets)
			break
		}
		if err := measureSet(ctx, s, bins, dir, variants, r); err != nil {
			return err
		}
	}
	r.finish()
	r.print(out)
	if s.json != "" {
		return r.writeJSON(s.json)
	}
	return nil
}
