// websocket.go: a WebSocket ends when its session does.

package wechatauth

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// serveWebSocket passes a handshake on and closes the connection when the
// session ends, by logout, revocation or age: a check at the handshake alone
// would let a user who was thrown out talk on for as long as they keep it open.
// The proxy closes both sides when the request's context ends.
func (h *Handler) serveWebSocket(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, p *passage) error {
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
