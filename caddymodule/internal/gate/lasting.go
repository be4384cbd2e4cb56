// lasting.go: which plain requests ask for an answer without an end.

package gate

import (
	"strings"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/ascii"
)

// acceptsEventStream reports whether a client asks for an event stream, as a browser's
// EventSource does (HTML Living Standard, section "Server-sent events").
func acceptsEventStream(fields []string) bool {
	const eventStream = "text/event-stream"
	for _, field := range fields {
		if len(field) < len(eventStream) {
			continue // "*/*" and its like
		}
		for part := range strings.SplitSeq(field, ",") {
			mediaType, _, _ := strings.Cut(part, ";")
			if ascii.Equal(trimBlanks(mediaType), eventStream) {
				return true
			}
		}
	}
	return false
}

// isGRPC reports whether a request is a gRPC call, or one of its relatives for the web:
// what begins with application/grpc (gRPC over HTTP2, section "Requests").
func isGRPC(fields []string) bool {
	const grpc = "application/grpc"
	for _, field := range fields {
		if field = trimBlanks(field); len(field) >= len(grpc) && ascii.Equal(field[:len(grpc)], grpc) {
			return true
		}
	}
	return false
}
