// measuredstore.go: times every call to the session store, and puts a span
// around it when the request is traced.

package caddymodule

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// startSpan begins a child of the request's span, if Caddy's tracing directive
// made one. Span names and attributes hold nothing that names a user.
func startSpan(ctx context.Context, name string) (context.Context, func(error)) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, func(error) {}
	}
	ctx, span := parent.TracerProvider().Tracer("github.com/caddy-wechat/caddy-wechat").Start(ctx, name)
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, classify(err).reason)
		}
		span.End()
	}
}

// measuredStore is a store with a stopwatch.
type measuredStore struct {
	session.Store
	metrics *metrics
}

// begin starts one operation; what it returns ends it.
func (m *measuredStore) begin(ctx context.Context, op string) (context.Context, func(error)) {
	ctx, endSpan := startSpan(ctx, "wechat.store "+op)
	start := time.Now()
	return ctx, func(err error) {
		result := "ok"
		switch {
		case err == nil:
		case errors.Is(err, session.ErrNotFound):
			result, err = "not_found", nil
		case errors.Is(err, session.ErrFull):
			result = "full"
		case errors.Is(err, context.Canceled):
			result = "canceled"
		default:
			result = "error"
		}
		m.metrics.store.WithLabelValues(op, result).Observe(time.Since(start).Seconds())
		endSpan(err)
	}
}

func (m *measuredStore) Mark(ctx context.Context, key string, until time.Time) (bool, error) {
	ctx, end := m.begin(ctx, "mark")
	first, err := m.Store.Mark(ctx, key, until)
	end(err)
	return first, err
}

func (m *measuredStore) Create(ctx context.Context, rec session.Record, limit int) error {
	ctx, end := m.begin(ctx, "create")
	err := m.Store.Create(ctx, rec, limit)
	end(err)
	return err
}

func (m *measuredStore) Get(ctx context.Context, key string) (session.Record, *session.Lease, error) {
	ctx, end := m.begin(ctx, "get")
	rec, lease, err := m.Store.Get(ctx, key)
	end(err)
	return rec, lease, err
}

func (m *measuredStore) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	ctx, end := m.begin(ctx, "update")
	var refused error
	err := m.Store.Update(ctx, key, func(value []byte) ([]byte, error) {
		value, refused = change(value)
		return value, refused
	})
	end(unlessRefused(err, refused))
	return err
}

func (m *measuredStore) Delete(ctx context.Context, key string) error {
	ctx, end := m.begin(ctx, "delete")
	err := m.Store.Delete(ctx, key)
	end(err)
	return err
}

func (m *measuredStore) List(ctx context.Context, user string) ([]session.Record, error) {
	ctx, end := m.begin(ctx, "list")
	recs, err := m.Store.List(ctx, user)
	end(err)
	return recs, err
}

func (m *measuredStore) DeleteUser(ctx context.Context, user string) (int, error) {
	ctx, end := m.begin(ctx, "delete_user")
	ended, err := m.Store.DeleteUser(ctx, user)
	end(err)
	return ended, err
}

func (m *measuredStore) Value(ctx context.Context, key string) ([]byte, error) {
	ctx, end := m.begin(ctx, "value")
	value, err := m.Store.Value(ctx, key)
	end(err)
	return value, err
}

func (m *measuredStore) UpdateValue(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
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
