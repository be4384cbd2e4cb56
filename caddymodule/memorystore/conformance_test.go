// conformance_test.go: the memory store keeps the contract of session.Store.

package memorystore_test

import (
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/memorystore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session/sessiontest"
)

func TestConformance(t *testing.T) {
	open := func(t *testing.T) session.Store {
		table := memorystore.New(memorystore.Limits{})
		t.Cleanup(func() { table.Close() })
		return table
	}
	sessiontest.Run(t, open, sessiontest.InBubble(),
		// one process is one node: both ends are the same table
		sessiontest.Peers(func(t *testing.T) (one, other session.Store) {
			table := open(t)
			return table, table
		}))
}
