// main.go: what is run, and in which order.

// Scale measures what many sessions cost: three Redis Cluster primaries with a replica
// each and two gateways on this machine, sessions made at a stated rate and all used on
// one gateway, then logins, requests and logouts while a primary dies and is replaced,
// slots move, the other gateway is killed and comes back, and the clock of one primary
// is off by two seconds. It prints bytes a session, commands a login, CPU, latency,
// what was refused, and what was wrong, which must be nothing: then the exit status is 1.
//
// With -simulate it starts nothing, and prints how a hundred million users spread over
// the slots and shards of a large cluster.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

type options struct {
	bin      string
	sessions int
	rate     int
	duration time.Duration
	seed     uint64
	skew     time.Duration

	simulate      bool
	users, shards int
	bytes         int
}

func main() {
	log.SetFlags(log.Ltime)
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "directory of the built caddy")
	flag.IntVar(&o.sessions, "sessions", 20_000, "how many to make; a million takes minutes and 2 GB")
	flag.IntVar(&o.rate, "rate", 1000, "logins a second while they are made")
	flag.DurationVar(&o.duration, "duration", time.Minute, "of the trouble")
	flag.Uint64Var(&o.seed, "seed", 1, "of who does what")
	flag.DurationVar(&o.skew, "skew", 2*time.Second, "how far the clock of one primary is ahead; needs cc, 0 for not")
	flag.BoolVar(&o.simulate, "simulate", false, "start nothing: spread users over a large cluster")
	flag.IntVar(&o.users, "users", 100_000_000, "to simulate")
	flag.IntVar(&o.shards, "shards", 24, "to simulate")
	flag.IntVar(&o.bytes, "bytes", 390, "of a user with one session, to simulate; 190 more for each other device")
	flag.Parse()
	if o.simulate {
		simulate(o)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	wrong, err := run(ctx, o)
	if err != nil {
		log.Fatal(err)
	}
	if wrong > 0 {
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (wrong int, err error) {
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "scale")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	fleet, err := startFleet(ctx, dir, o.skew)
	defer fleet.end()
	if err != nil {
		return 0, err
	}
	gateways, err := startGateways(ctx, dir, bin, fleet)
	defer gateways.end()
	if err != nil {
		return 0, err
	}
	d := newDriver(o, gateways)

	log.Printf("making %d sessions, %d a second", o.sessions, o.rate)
	before := fleet.measure(gateways)
	took := d.fill(ctx)
	time.Sleep(2 * time.Second) // what is counted in a second is written
	filled := fleet.measure(gateways)
	d.report("logins alone", took, before, filled)
	fmt.Printf("a session takes %.0f bytes of Redis, the marks of the last ten minutes included; a login is %.1f commands (%s)\n",
		float64(filled.memory-before.memory)/float64(d.made.Load()), filled.commandsSince(before, "")/float64(d.made.Load()), filled.eachSince(before, d.made.Load()))

	if ctx.Err() != nil {
		return int(d.wrong.Load()), ctx.Err()
	}
	log.Print("asking one gateway for every session")
	d.reset()
	first := gateways.list[0]
	gateways.only.Store(first)
	small := first.resident()
	took = d.judge(ctx)
	gateways.only.Store(nil)
	warm := fleet.measure(gateways)
	d.report("first sights", took, filled, warm)
	fmt.Printf("a session in use takes %.0f bytes more of Redis, and %.0f of its gateway (garbage included)\n",
		float64(warm.memory-filled.memory)/float64(d.made.Load()), float64(first.resident()-small)/float64(d.made.Load()))

	log.Printf("logins, requests and logouts, and trouble, for %v", o.duration)
	d.reset()
	done := make(chan time.Duration, 1)
	within, cancel := context.WithTimeout(ctx, o.duration)
	defer cancel()
	go func() { done <- d.mix(within) }()
	for _, line := range trouble(within, d, fleet, gateways) {
		fmt.Println(line)
	}
	took = <-done
	d.report("with trouble", took, warm, fleet.measure(gateways))

	log.Print("asking for every session")
	d.reset()
	before = fleet.measure(gateways)
	took = d.judge(ctx)
	d.report("every session once", took, before, fleet.measure(gateways))
	fmt.Printf("wrong: %d\n", d.wrong.Load())
	for _, what := range d.faults {
		fmt.Println("  " + what)
	}
	return int(d.wrong.Load()), ctx.Err()
}
