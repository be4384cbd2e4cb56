// health_test.go: a server that answers and takes no writes is not fit for logins.

package redisstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func TestCheckFindsWhatKeepsLoginsOut(t *testing.T) {
	t.Parallel()
	for what, spoil := range map[string]func(s *server){
		"READONLY":   func(s *server) { s.say("REPLICAOF", "127.0.0.1", "1") },
		"NOREPLICAS": func(s *server) { s.say("CONFIG", "SET", "min-replicas-to-write", "1") },
		"OOM":        func(s *server) { s.say("CONFIG", "SET", "maxmemory", "100kb") },
		"NOPERM":     func(s *server) { s.say("ACL", "SETUSER", "default", "-set") },
		"no HSET":    func(s *server) { s.say("ACL", "SETUSER", "default", "-hset") },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			c := openOn(t, s)
			if err := c.Check(ctx); err != nil {
				t.Fatalf("Check = %v, want nil", err)
			}
			spoil(s)
			var err error
			eventually(t, 3*time.Second, what+" is found", func() bool { err = c.Check(ctx); return err != nil })
			t.Log(err)
			if errors.Is(err, session.ErrNotFound) || strings.Contains(fmt.Sprint(err), "password") {
				t.Errorf("Check = %v", err)
			}
			_, errMark := c.Mark(ctx, name("m", 1), time.Now().Add(time.Minute))
			if errCreate := c.Create(ctx, rec(1, 1), 0, nil); errMark == nil && errCreate == nil {
				t.Error("logins succeed: this test tests nothing")
			}
		})
	}
}

// What a check writes is gone soon, and is on every server of a cluster.
func TestCheckLeavesNothing(t *testing.T) {
	t.Parallel()
	var o Options
	servers := startCluster(t, 3)
	for _, s := range servers {
		o.URLs = append(o.URLs, s.url())
	}
	o.Mode = ModeCluster
	c := open(t, o)
	eventually(t, 5*time.Second, "the map of the cluster is whole", func() bool { return c.Check(ctx) == nil })
	for range 5 {
		if err := c.Check(ctx); err != nil {
			t.Errorf("Check = %v, want nil", err)
		}
	}
	for i, s := range servers {
		keys := strings.Fields(s.say("KEYS", "wechat:p*"))
		if len(keys) == 0 {
			t.Errorf("server %d was not checked", i)
		}
		for _, key := range keys {
			var ms int
			if fmt.Sscan(s.say("PTTL", key), &ms); ms <= 0 || ms > 10_000 {
				t.Errorf("%s is kept for %d ms", key, ms)
			}
		}
	}
	servers[1].say("CONFIG", "SET", "maxmemory", "100kb")
	eventually(t, 3*time.Second, "one of three servers is full", func() bool { return c.Check(ctx) != nil })
}
