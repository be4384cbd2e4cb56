// spy_test.go: a memory store whose traffic a test can see and change.

package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/memorystore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// spy lets a test see and change what reaches the store.
type spy struct {
	session.Store
	onCreate func(ctx context.Context, r session.Record) error
	onGet    func(r session.Record) session.Record
	onList   func(recs []session.Record)
	onMark   func(key string, until time.Time)
}

func (s *spy) Create(ctx context.Context, r session.Record, limit int, value func([]byte) ([]byte, error)) error {
	if s.onCreate != nil {
		if err := s.onCreate(ctx, r); err != nil {
			return err
		}
	}
	return s.Store.Create(ctx, r, limit, value)
}

func (s *spy) Get(ctx context.Context, key string) (session.Record, *session.Lease, error) {
	r, l, err := s.Store.Get(ctx, key)
	if err == nil && s.onGet != nil {
		r = s.onGet(r)
	}
	return r, l, err
}

func (s *spy) List(ctx context.Context, user string) ([]session.Record, error) {
	recs, err := s.Store.List(ctx, user)
	if s.onList != nil {
		s.onList(recs)
	}
	return recs, err
}

func (s *spy) Mark(ctx context.Context, key string, until time.Time) (bool, error) {
	if s.onMark != nil {
		s.onMark(key, until)
	}
	return s.Store.Mark(ctx, key, until)
}

func newSpy(t *testing.T) *spy {
	t.Helper()
	table := memorystore.New(memorystore.Limits{})
	t.Cleanup(func() { table.Close() })
	return &spy{Store: table}
}
