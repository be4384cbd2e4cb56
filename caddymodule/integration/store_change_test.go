// store_change_test.go: a reload that ends all sessions says so.

package integration

import (
	"strings"
	"testing"
)

func TestReloadTellsAnotherStore(t *testing.T) {
	const told = "the session store is another one"
	one, two := startRedis(t), startRedis(t)
	redis := func(s *redisServer, more string) string {
		return "store redis redis://:pa55w0rd@" + s.Addr + more + "\n"
	}
	for _, s := range []*redisServer{one, two} {
		s.say("acl", "setuser", "default", "on", ">pa55w0rd")
	}
	gw := start(t, setup{Wechat: inMemory})
	count := 0
	for _, step := range []struct {
		store    string
		old, new string // empty: nothing is told
	}{
		{inMemory, "", ""},
		{"store memory {\n max_sessions 5000\n}\n", "", ""},
		{inFile, "memory", "local"},
		{inFile, "", ""},
		{"store local <DIR>/other.db\n", "local", "local"},
		{redis(one, ""), "local", "redis"},
		{redis(one, " {\n wait_replicas 0\n}"), "", ""},
		{redis(one, " {\n prefix other:\n}"), "redis", "redis"},
		{redis(two, ""), "redis", "redis"},
		{inMemory, "redis", "memory"},
	} {
		reload(t, gw, setup{Wechat: step.store})
		if step.new != "" {
			count++
		}
		log := gw.logs(t)
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
