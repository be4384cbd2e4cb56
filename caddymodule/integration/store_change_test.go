// store_change_test.go: a reload that ends all sessions says so.

package integration

import (
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

func TestReloadTellsAnotherStore(t *testing.T) {
	const told = "the session store is another one"
	one, two := gatewaytest.StartRedis(t), gatewaytest.StartRedis(t)
	redis := func(s *gatewaytest.RedisServer, more string) string {
		return "store redis redis://:pa55w0rd@" + s.Addr + more + "\n"
	}
	for _, s := range []*gatewaytest.RedisServer{one, two} {
		s.Say("acl", "setuser", "default", "on", ">pa55w0rd")
	}
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	count := 0
	for _, step := range []struct {
		store    string
		old, new string // empty: nothing is told
	}{
		{gatewaytest.InMemory, "", ""},
		{"store memory {\n max_sessions 5000\n}\n", "", ""},
		{inFile, "memory", "local"},
		{inFile, "", ""},
		{"store local <DIR>/other.db\n", "local", "local"},
		{redis(one, ""), "local", "redis"},
		{redis(one, " {\n wait_replicas 0\n}"), "", ""},
		{redis(one, " {\n prefix other:\n}"), "redis", "redis"},
		{redis(two, ""), "redis", "redis"},
		{gatewaytest.InMemory, "redis", "memory"},
	} {
		gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: step.store})
		if step.new != "" {
			count++
		}
		log := gw.Logs(t)
		if n := strings.Count(log, told); n != count {
			t.Fatalf("after %s the log tells of %d changes, want %d", step.store, n, count)
		}
		if step.new != "" && !strings.Contains(log[strings.LastIndex(log, told):], `"old_store":"`+step.old+`","new_store":"`+step.new+`"`) {
			t.Errorf("%s: %s", step.store, log[strings.LastIndex(log, told):])
		}
		if strings.Contains(log, "pa55w0rd") {
			t.Fatal("the log shows a password")
		}
	}
}
