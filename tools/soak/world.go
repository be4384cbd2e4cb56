// world.go: everything that runs, and its beginning and end.

package main

import (
	"context"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caddy-wechat/caddy-wechat/tools/internal/child"
)

// world is everything that runs.
type world struct {
	dir, bin, redisProgram string
	begin                  time.Time
	order                  *rand.Rand // of trouble

	wechat   *wechat
	backend  *backend
	redis    *child.Child
	redisAt  string // host:port
	gateways []*gateway
	realms   []*realm

	troubles *troubles
	account  *account
	growth   *growth

	crowd []*person
	ends  []func()

	ending chan struct{} // closed when people are to stop
	busy   sync.WaitGroup
}

// realm is gateways that share their sessions.
type realm struct {
	name     string
	gateways []*gateway
	redis    bool // whether they keep them in Redis
}

// startWorld starts all processes.
func startWorld(ctx context.Context, s settings, dir string) (w *world, err error) {
	w = &world{
		dir: dir, bin: s.bin, redisProgram: s.redis, order: rand.New(rand.NewPCG(s.seed, 1)),
		troubles: newTroubles(), account: newAccount(), growth: newGrowth(),
	}
	defer func() {
		if err != nil {
			w.stop()
		}
	}()
	if w.backend, err = startBackend(w.account); err != nil {
		return nil, err
	}
	w.ends = append(w.ends, w.backend.stop)
	if w.wechat, err = startWeChat(ctx, w); err != nil {
		return nil, err
	}
	if w.redisAt, err = freeAddress(); err != nil {
		return nil, err
	}
	if err = w.startRedis(ctx); err != nil {
		return nil, err
	}
	w.ends = append(w.ends, func() { w.redis.End() })

	store := "redis redis://" + w.redisAt
	for _, g := range []*gateway{
		{name: "gateway A", store: store, storage: filepath.Join(dir, "storage-redis")},
		{name: "gateway B", store: store, storage: filepath.Join(dir, "storage-redis")},
		{name: "gateway L", store: "local", storage: filepath.Join(dir, "storage-local")},
	} {
		if err := g.prepare(w); err != nil {
			return nil, err
		}
		w.gateways = append(w.gateways, g)
		w.ends = append(w.ends, func() { g.process.End() })
		if err := g.start(ctx); err != nil {
			return nil, err
		}
	}
	w.realms = []*realm{
		{name: "redis", gateways: w.gateways[:2], redis: true},
		{name: "local", gateways: w.gateways[2:]},
	}
	return w, nil
}

func (w *world) stop() {
	for i := len(w.ends) - 1; i >= 0; i-- {
		w.ends[i]()
	}
	w.ends = nil
}

// startRedis starts redis-server with what it has on disk: all that it confirmed.
func (w *world) startRedis(ctx context.Context) (err error) {
	_, port, _ := net.SplitHostPort(w.redisAt)
	w.redis, err = start(filepath.Join(w.dir, "redis"), "redis-server", w.redisProgram, "--port", port, "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction")
	if err != nil {
		return err
	}
	return w.redis.Listens(ctx, w.redisAt)
}

// people brings the crowd together: two of three use the gateways on Redis.
func (w *world) people(s settings) {
	for i := range s.people {
		r := w.realms[0]
		if i%3 == 2 {
			r = w.realms[1]
		}
		w.crowd = append(w.crowd, newPerson(w, r, i, s.seed))
	}
	w.work()
}

// work lets all people begin, or go on.
func (w *world) work() {
	w.ending = make(chan struct{})
	for _, p := range w.crowd {
		w.busy.Go(func() { p.live(w.ending) })
	}
}

// rest ends what people do, and their WebSockets, until they work again.
func (w *world) rest() {
	close(w.ending)
	w.busy.Wait()
	for _, p := range w.crowd {
		p.hangUp()
	}
}

// among tells which gateway has a name.
func (w *world) among(name string) *gateway {
	for _, g := range w.gateways {
		if strings.HasSuffix(g.name, name) {
			return g
		}
	}
	panic("no gateway " + name)
}
