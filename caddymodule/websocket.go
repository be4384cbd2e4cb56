// websocket.go: a WebSocket ends when its session does.

package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// watchInterval is how often an open WebSocket's session is looked at. A session
// that ended on another node is known here within a second; this adds to that.
const watchInterval = 200 * time.Millisecond

// serveWebSocket passes a handshake on and closes the connection when the
// session ends, by logout, revocation or age: a check at the handshake alone
// would let a user who was thrown out talk on for as long as he keeps it open.
// The proxy closes both sides when the request's context ends.
func (h *Handler) serveWebSocket(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, c *caller) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		watchSession(ctx, h.app.sessions, c.Session, &c.Kept)
		cancel()
	}()
	return next.ServeHTTP(w, r.WithContext(ctx))
}

// sessionGetter is what the watch needs of the session manager.
type sessionGetter interface {
	Get(ctx context.Context, id string) (*session.Handle, error)
}

// liveness is a session.Handle or a session.Kept.
type liveness interface{ Live(now time.Time) bool }

// watchSession returns when the session has ended, or ctx. A store that cannot
// answer has not said that it ended; its age is known without the store.
func watchSession(ctx context.Context, sessions sessionGetter, s *session.Session, h liveness) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if h.Live(now) {
				continue
			}
			if !now.Before(s.ExpiresAt) {
				return
			}
			// changed, or ended, or no longer known: only the store can tell
			fresh, err := sessions.Get(ctx, s.ID)
			switch {
			case err == nil:
				h = fresh
			case errors.Is(err, session.ErrNotFound):
				return
			}
		}
	}
}
