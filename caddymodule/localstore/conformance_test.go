// conformance_test.go: the local store keeps the contract of session.Store.

package localstore_test

import (
	"path/filepath"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/localstore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session/sessiontest"
)

func TestConformance(t *testing.T) {
	open := func(t *testing.T) *localstore.DB {
		db, err := localstore.Open(filepath.Join(t.TempDir(), "sessions.db"), localstore.Options{})
		if err != nil {
			t.Fatalf("Open = %v, want nil", err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Errorf("Close = %v, want nil", err)
			}
		})
		return db
	}
	sessiontest.Run(t, func(t *testing.T) session.Store { return open(t) },
		sessiontest.InBubble(),
		// one process is one node: both ends are the same database
		sessiontest.Peers(func(t *testing.T) (one, other session.Store) {
			db := open(t)
			return db, db
		}),
		sessiontest.Unreachable(func(t *testing.T) session.Store {
			db := open(t)
			if err := db.Close(); err != nil {
				t.Fatalf("Close = %v, want nil", err)
			}
			return db
		}))
}
