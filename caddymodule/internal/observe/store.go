// store.go: times every call to the session store, and puts a span
// around it when the request is traced.

package observe

import (
	"context"
	"errors"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/span"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Store is a session store with a stopwatch.
type Store struct {
	session.Store
	Metrics *Metrics
}

// begin starts one operation; what it returns ends it.
func (m *Store) begin(ctx context.Context, op string) (context.Context, func(error)) {
	ctx, endSpan := span.Start(ctx, "wechat.store "+op)
	start := time.Now()
	return ctx, func(err error) {
		result := "ok"
		switch {
		case err == nil:
		case errors.Is(err, session.ErrNotFound):
			result = "not_found"
		case errors.Is(err, session.ErrFull):
			result = "full"
		case errors.Is(err, context.Canceled):
			result = "canceled"
		default:
			result = "error"
		}
		m.Metrics.Store.WithLabelValues(op, result).Observe(time.Since(start).Seconds())
		if result == "ok" || result == "not_found" {
			endSpan("")
		} else {
			endSpan(result)
		}
	}
}

// Mark implements session.Store.
func (m *Store) Mark(ctx context.Context, key string, until time.Time) (bool, error) {
	ctx, end := m.begin(ctx, "mark")
	first, err := m.Store.Mark(ctx, key, until)
	end(err)
	return first, err
}

// Create implements session.Store.
func (m *Store) Create(ctx context.Context, rec session.Record, limit int, change func([]byte) ([]byte, error)) error {
	ctx, end := m.begin(ctx, "create")
	err := m.Store.Create(ctx, rec, limit, change)
	end(err)
	return err
}

// Get implements session.Store.
func (m *Store) Get(ctx context.Context, key string) (session.Record, *session.Lease, error) {
	ctx, end := m.begin(ctx, "get")
	rec, lease, err := m.Store.Get(ctx, key)
	end(err)
	return rec, lease, err
}

// Update implements session.Store.
func (m *Store) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	ctx, end := m.begin(ctx, "update")
	var refused error
	err := m.Store.Update(ctx, key, func(value []byte) ([]byte, error) {
		value, refused = change(value)
		return value, refused
	})
	end(unlessRefused(err, refused))
	return err
}

// Delete implements session.Store.
func (m *Store) Delete(ctx context.Context, key string) error {
	ctx, end := m.begin(ctx, "delete")
	err := m.Store.Delete(ctx, key)
	end(err)
	return err
}

// List implements session.Store.
func (m *Store) List(ctx context.Context, user string) ([]session.Record, error) {
	ctx, end := m.begin(ctx, "list")
	recs, err := m.Store.List(ctx, user)
	end(err)
	return recs, err
}

// DeleteUser implements session.Store.
func (m *Store) DeleteUser(ctx context.Context, user string) (int, error) {
	ctx, end := m.begin(ctx, "delete_user")
	ended, err := m.Store.DeleteUser(ctx, user)
	end(err)
	return ended, err
}

// Value implements session.Store.
func (m *Store) Value(ctx context.Context, key string) ([]byte, error) {
	ctx, end := m.begin(ctx, "value")
	value, err := m.Store.Value(ctx, key)
	end(err)
	return value, err
}

// UpdateValue implements session.Store.
func (m *Store) UpdateValue(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
	ctx, end := m.begin(ctx, "update_value")
	var refused error
	err := m.Store.UpdateValue(ctx, key, until, func(old []byte) ([]byte, error) {
		value, err := change(old)
		refused = err
		return value, err
	})
	end(unlessRefused(err, refused))
	return err
}

// unlessRefused leaves out an error that the caller's own function gave: the
// store did what it should.
func unlessRefused(err, refused error) error {
	if refused != nil && errors.Is(err, refused) {
		return nil
	}
	return err
}
