// health_redis_test.go: a Redis that answers and takes no writes: logins fail, and health
// says why until it does again.

package wechathealth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

func TestHealthOfARedisThatTakesNoWrites(t *testing.T) {
	redis := gatewaytest.StartRedis(t)
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: "store redis redis://" + redis.Addr + "\n", Site: healthSite})
	// asked returns both healths, which say the same.
	asked := func() (status int, text string) {
		time.Sleep(1100 * time.Millisecond) // probes together ask once a second
		admin, probe := gw.Ask(t, "GET", "/wechat/health"), gw.H1.Do(t, gatewaytest.Call{Target: "/healthz"})
		if admin.Status != probe.Status {
			return 0, ""
		}
		return probe.Status, admin.Body + probe.Body
	}
	healthy := func() {
		t.Helper()
		var status int
		var text string
		gatewaytest.Await(t, "health to be green", func() bool { status, text = asked(); return status == 200 })
		if text != strings.Repeat("store: ok\nwechat: ok\n", 2) {
			t.Errorf("%d %q", status, text)
		}
		gatewaytest.Login(t, gw, gatewaytest.Alice)
	}
	healthy()
	for _, test := range []struct {
		name        string
		spoil, heal []string
		reason      string
	}{
		{"READONLY", []string{"REPLICAOF", "127.0.0.1", "1"}, []string{"REPLICAOF", "NO", "ONE"}, "is a replica"},
		{"NOREPLICAS", []string{"CONFIG", "SET", "min-replicas-to-write", "1"}, []string{"CONFIG", "SET", "min-replicas-to-write", "0"}, "NOREPLICAS"},
		{"OOM", []string{"CONFIG", "SET", "maxmemory", "100kb"}, []string{"CONFIG", "SET", "maxmemory", "0"}, "maxmemory"},
		{"NOPERM", []string{"ACL", "SETUSER", "default", "-set"}, []string{"ACL", "SETUSER", "default", "+set"}, "NOPERM"},
		{"NOPERM of a script", []string{"ACL", "SETUSER", "default", "-hset"}, []string{"ACL", "SETUSER", "default", "+hset"}, "NOPERM"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := redis.Say(test.spoil...).Error(); err != nil {
				t.Fatal(err)
			}
			var status int
			var text string
			gatewaytest.Await(t, "health to be red", func() bool { status, text = asked(); return status == 503 })
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, "store: ") && !strings.Contains(line, test.reason) || strings.HasPrefix(line, "wechat: ") && line != "wechat: ok\n" {
					t.Errorf("health says %q; want %s as the reason", line, test.reason)
				}
			}
			gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)), 503, "temporarily_unavailable")
			if err := redis.Say(test.heal...).Error(); err != nil {
				t.Fatal(err)
			}
			healthy()
		})
	}
}
