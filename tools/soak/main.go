// main.go: starts everything, lets people and trouble loose, prints the account.

// Command soak is what "make soak" runs: gateways that are built and stand as they
// would in production, two on one Redis and one on a local file, in front of a
// backend, asking a simulated WeChat. People log in, work, open WebSockets, send
// their data and log out, while WeChat is slow, errs and vanishes, Redis is
// restarted and frozen, configurations are reloaded, and gateways are killed and
// started again.
//
// At the end every request is in an account, by kind and answer, and each class of
// answers that is not what a client wants has its explanation. The run fails for a
// wrong identity at the backend, a session that was acknowledged and is lost, one
// that was ended and is back, an answer without an explanation, and a gateway that
// has grown.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// settings are what the command line may say.
type settings struct {
	bin, redis string
	duration   time.Duration
	seed       uint64
	people     int
	keep       bool
}

// The parts of a run: people alone; gateways that are killed; all other trouble,
// through which a gateway must not grow; and people alone again, until all must be
// well.
const (
	shortest = time.Minute
	warmUp   = 5 * time.Second
	killing  = 2.0 / 5 // of the whole
	calm     = 15 * time.Second
)

func main() {
	// the kernel ends our children with the thread that started them (Linux)
	runtime.LockOSThread()

	var s settings
	flag.StringVar(&s.bin, "bin", "bin", "`directory` of caddy and wechatsim")
	flag.StringVar(&s.redis, "redis", "redis-server", "Redis's `program`")
	flag.DurationVar(&s.duration, "duration", 2*time.Minute, "how long it goes on; a minute at least")
	flag.Uint64Var(&s.seed, "seed", 0, "of what people do and when trouble comes; 0 takes one by chance and prints it")
	flag.IntVar(&s.people, "people", 60, "how many people there are")
	flag.BoolVar(&s.keep, "keep", false, "keep the directory with configurations and logs")
	flag.Parse()
	if s.seed == 0 {
		s.seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	if flag.NArg() > 0 || s.duration < shortest || s.people < 6 {
		fmt.Fprintln(os.Stderr, "make soak: no arguments, -duration of a minute at least, -people of six at least")
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ok, err := run(ctx, s, os.Stdout)
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "make soak:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run reports whether all was well.
func run(ctx context.Context, s settings, out io.Writer) (ok bool, err error) {
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return false, err
	}
	defer func() {
		if s.keep {
			fmt.Fprintln(out, "kept:", dir)
		} else if e := os.RemoveAll(dir); err == nil {
			err = e
		}
	}()
	w, err := startWorld(ctx, s, dir)
	if err != nil {
		return false, err
	}
	defer w.stop()
	fmt.Fprintf(out, "%d people for %v, seed %d\n", s.people, s.duration, s.seed)

	w.begin = time.Now()
	w.people(s)
	pause(ctx, warmUp)
	err = w.schedule(ctx, deadly(), w.begin.Add(time.Duration(killing*float64(s.duration))), out)
	w.rest()
	if err != nil {
		return false, err
	}
	w.growth.sample(w, "when the killing was over")
	w.work()
	err = w.schedule(ctx, harmless(), w.begin.Add(s.duration-calm), out)
	pause(ctx, time.Until(w.begin.Add(s.duration)))
	w.rest()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return false, err
	}
	w.audit()
	w.growth.sample(w, "at the end")
	w.growth.judge(w.account)
	w.growth.print(out)
	return w.account.print(out, time.Since(w.begin)), nil
}

// pause waits, unless it is told to end.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
