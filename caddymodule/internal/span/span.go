// span.go: the gateway's part of a request's trace.

// Package span puts spans into the traces that Caddy's tracing directive makes. It
// makes no traces of its own, and its spans hold nothing that names a user.
package span

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Start begins a child of the request's span, if there is one. What it returns ends
// the child; a reason, from a closed set, marks it as failed.
func Start(ctx context.Context, name string) (context.Context, func(reason string)) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, func(string) {}
	}
	ctx, span := parent.TracerProvider().Tracer("github.com/caddy-wechat/caddy-wechat").Start(ctx, name)
	return ctx, func(reason string) {
		if reason != "" {
			span.SetStatus(codes.Error, reason)
		}
		span.End()
	}
}
