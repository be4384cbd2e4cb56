// health_redis_test.go: a Redis that answers and takes no writes: logins fail, and health
// says why until it does again.

package integration

import (
	"strings"
	"testing"
	"time"
)

func TestHealthOfARedisThatTakesNoWrites(t *testing.T) {
	redis := startRedis(t)
	gw := startAdmin(t, setup{Wechat: "store redis redis://" + redis.Addr + "\n", Site: healthSite})
	// asked returns both healths, which say the same.
	asked := func() (status int, text string) {
		time.Sleep(1100 * time.Millisecond) // probes together ask once a second
		admin, probe := gw.ask(t, "GET", "/wechat/health"), gw.h1.do(t, call{Target: "/healthz"})
		if admin.Status != probe.Status {
			return 0, ""
		}
		return probe.Status, admin.Body + probe.Body
	}
	healthy := func() {
		t.Helper()
		var status int
		var text string
		await(t, "health to be green", func() bool { status, text = asked(); return status == 200 })
		if text != strings.Repeat("store: ok\nwechat: ok\n", 2) {
			t.Errorf("%d %q", status, text)
		}
		login(t, gw, alice)
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
			if err := redis.say(test.spoil...).Error(); err != nil {
				t.Fatal(err)
			}
			var status int
			var text string
			await(t, "health to be red", func() bool { status, text = asked(); return status == 503 })
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, "store: ") && !strings.Contains(line, test.reason) || strings.HasPrefix(line, "wechat: ") && line != "wechat: ok\n" {
					t.Errorf("health says %q; want %s as the reason", line, test.reason)
				}
			}
			requireProblem(t, gw.h1.do(t, loginCall(gw, appA, alice)), 503, "temporarily_unavailable")
			if err := redis.say(test.heal...).Error(); err != nil {
				t.Fatal(err)
			}
			healthy()
		})
	}
}
