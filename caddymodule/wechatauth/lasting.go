// lasting.go: a WebSocket, an event stream and a gRPC call end when their session does.

package wechatauth

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// serveLasting passes a request on and ends it when the session ends, by logout,
// revocation or age: a check at its beginning alone would let a user who was thrown out
// talk, or listen, on for as long as they keep it open. The proxy closes both sides when
// the request's context ends.
func (h *Handler) serveLasting(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, p *passage) error {
	ctx, cancel := context.WithCancel(r.Context())
	caller, watched := p.caller, make(chan bool, 1)
	go func() {
		ended := h.engine.Gate.Watch(ctx, caller)
		cancel()
		watched <- ended
	}()
	err := next.ServeHTTP(w, r.WithContext(ctx))
	cancel()
	if <-watched { // an error route has nobody to serve any more
		p.passed, p.caller, p.refused = false, nil, session.ErrNotFound
	}
	return err
}
