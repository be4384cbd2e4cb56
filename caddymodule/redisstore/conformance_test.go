// conformance_test.go: the store keeps the contract of session.Store, against one
// server, as exactly the user of the documentation, and against a cluster.

package redisstore

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore/internal/primary"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session/sessiontest"
)

// conform runs the suite; each check has a prefix, and so a store, of its own.
func conform(t *testing.T, o Options) {
	n := 0
	fresh := func() Options {
		n++
		o.Prefix = fmt.Sprintf("wechat:%d:", n)
		return o
	}
	sessiontest.Run(t, func(t *testing.T) session.Store { return open(t, fresh()) },
		sessiontest.OnWallClock(nil),
		sessiontest.Peers(func(t *testing.T) (one, other session.Store) {
			o := fresh()
			return open(t, o), open(t, o)
		}),
		sessiontest.Damage(func(t *testing.T, s session.Store, r session.Record) {
			c := s.(*Client)
			err := c.link.servers.Transact(ctx, c.tune.names.user(r.User), c.tune.confirm, func(tx *primary.Tx) error {
				_, err := tx.Do([]string{"HSET", c.tune.names.user(r.User), r.Key[userLen:], "\x02nonsense"})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}),
		sessiontest.Unreachable(func(t *testing.T) session.Store {
			s := startServer(t)
			c := openOn(t, s)
			s.kill()
			return c
		}))
}

func TestConformanceSingle(t *testing.T) {
	t.Parallel()
	conform(t, Options{URLs: []string{startServer(t).url()}})
}

func TestConformanceCluster(t *testing.T) {
	t.Parallel()
	var o Options
	for _, s := range startCluster(t, 3) {
		o.URLs = append(o.URLs, s.url())
	}
	o.Mode = ModeCluster
	conform(t, o)
}

// aclLine is the user of the documentation.
const aclLine = `on >password resetkeys ~wechat:* resetchannels -@all
	  +hello +auth +select +ping +client|tracking
	  +get +set +del +hgetall +hset +hdel +hincrby +pexpireat
	  +watch +unwatch +multi +exec +wait +role +cluster|slots +asking`

func TestConformanceAsDocumentedUser(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil || !strings.Contains(strings.ReplaceAll(string(doc), "//\t", "\t"), aclLine) {
		t.Fatalf("the documentation (%v) does not have the line that is tested", err)
	}
	s := startServer(t)
	s.say(append([]string{"ACL", "SETUSER", "gateway"}, strings.Fields(aclLine)...)...)
	conform(t, Options{URLs: []string{"redis://gateway:password@" + s.addr + "/3"}, WaitReplicas: new(0)})
	if denied := s.say("ACL", "LOG"); denied != "" {
		t.Errorf("the user lacks a right: %s", denied)
	}
	// and it needs all it has, on a single server
	used := s.say("INFO", "commandstats")
	for _, right := range strings.Fields(aclLine)[5:] {
		command := strings.TrimPrefix(right, "+")
		if slices.Contains([]string{"-@all", "auth", "wait", "role", "cluster|slots", "asking", "del"}, command) {
			continue
		}
		if !strings.Contains(used, "cmdstat_"+command+":") {
			t.Errorf("the documentation gives the right %s, which is not needed", right)
		}
	}
}
