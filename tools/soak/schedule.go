// schedule.go: which trouble comes when.

package main

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"time"
)

// event is one trouble, from its beginning to its end.
type event struct {
	name string
	run  func(ctx context.Context, w *world) error
}

// deadly are the troubles of which gateways die.
func deadly() []event {
	list := []event{
		{"Redis is killed and started", redisEvent("Redis was killed", func(w *world) { w.redis.Crash() })},
		{"Redis is killed while A is reloaded and B is killed", manyTroubles},
	}
	for _, name := range []string{"A", "B", "L"} {
		list = append(list,
			event{name + " is killed and started", gatewayEvent(name, "killed", func(g *gateway) error { g.process.Crash(); return nil })},
			event{name + " is stopped and started", gatewayEvent(name, "stopped", func(g *gateway) error {
				if !g.process.End() {
					return g.process.Trouble("does not end")
				}
				return nil
			})})
	}
	return list
}

// harmless are those that a gateway outlives.
func harmless() []event {
	list := []event{
		{"WeChat is slow", wechatEvent("WeChat was slow", fault{Delay: "4s"})},
		{"WeChat says it is busy (-1)", wechatEvent("WeChat said -1", fault{ErrCode: -1})},
		{"WeChat answers 502", wechatEvent("WeChat answered 502", fault{Status: 502})},
		{"WeChat's quota is used up (45011)", wechatEvent("WeChat's quota was used up", fault{ErrCode: 45011})},
		{"WeChat vanishes", wechatEvent("WeChat was gone", fault{Drop: true})},
		{"Redis is killed and started", redisEvent("Redis was killed", func(w *world) { w.redis.Crash() })},
		{"Redis is stopped and started", redisEvent("Redis was stopped", func(w *world) { w.redis.End() })},
		{"Redis is frozen", frozenRedis},
	}
	for _, name := range []string{"A", "B", "L"} {
		list = append(list, event{name + " is reloaded", reloadEvent(name, false)}, event{name + " is reloaded badly", reloadEvent(name, true)})
	}
	return list
}

// schedule makes trouble until a moment: each kind once at least, in an order that
// follows from the seed. It starts processes: the main goroutine's.
func (w *world) schedule(ctx context.Context, list []event, until time.Time, out io.Writer) error {
	share := time.Until(until) / time.Duration(len(list))
	for round := 0; time.Now().Before(until) && ctx.Err() == nil; round++ {
		w.order.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, e := range list {
			if ctx.Err() != nil || round > 0 && time.Until(until) < share {
				return ctx.Err()
			}
			next := time.Now().Add(min(share, 8*time.Second))
			fmt.Fprintf(out, "%6.1fs %s\n", time.Since(w.begin).Seconds(), e.name)
			if err := e.run(ctx, w); err != nil {
				return err
			}
			pause(ctx, time.Until(next))
		}
	}
	return ctx.Err()
}

func wechatEvent(what string, f fault) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		defer w.troubles.begin(wechatTrouble, what, nil)()
		return w.wechat.suffer(ctx, f, 2*time.Second)
	}
}

func redisEvent(what string, stop func(*world)) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		defer w.troubles.begin(redisDown, what, nil)()
		stop(w)
		pause(ctx, 1500*time.Millisecond)
		return w.startRedis(ctx)
	}
}

func frozenRedis(ctx context.Context, w *world) error {
	defer w.troubles.begin(redisDown, "Redis was frozen", nil)()
	w.redis.Signal(syscall.SIGSTOP)
	pause(ctx, 2500*time.Millisecond)
	w.redis.Signal(syscall.SIGCONT)
	return nil
}

func gatewayEvent(name, how string, stop func(*gateway) error) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		g := w.among(name)
		defer w.troubles.begin(gatewayDown, g.name+" was "+how, g)()
		if err := stop(g); err != nil {
			return err
		}
		pause(ctx, 300*time.Millisecond)
		return g.start(ctx)
	}
}

func reloadEvent(name string, bad bool) func(context.Context, *world) error {
	return func(_ context.Context, w *world) error {
		g := w.among(name)
		if !bad { // one that is refused must be felt by nobody
			defer w.troubles.begin(gatewayReload, g.name+" was reloaded", g)()
		}
		return g.reload(bad)
	}
}

// manyTroubles is a night to remember.
func manyTroubles(ctx context.Context, w *world) error {
	defer w.troubles.begin(redisDown, "Redis was killed", nil)()
	w.redis.Crash()
	for _, run := range []func(context.Context, *world) error{
		reloadEvent("A", false),
		gatewayEvent("B", "killed", func(g *gateway) error { g.process.Crash(); return nil }),
	} {
		if err := run(ctx, w); err != nil {
			return err
		}
	}
	return w.startRedis(ctx)
}
