// example_test.go: the test of a store.

package sessiontest_test

import (
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/memorystore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session/sessiontest"
)

// The author of a store gives the suite a way to open an empty one. A store without
// sockets and files of its own is tested in a bubble (testing/synctest), where expiry
// takes no time.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestConformance(t *testing.T)
		sessiontest.Run(t, func(t *testing.T) session.Store {
			table := memorystore.New(memorystore.Limits{})
			t.Cleanup(func() { table.Close() })
			return table
		}, sessiontest.InBubble())
	}
}
