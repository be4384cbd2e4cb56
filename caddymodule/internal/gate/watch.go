// watch.go: noticing that a session ended while a connection of it is open.

package gate

import (
	"context"
	"errors"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// watchInterval is how often an open connection's session is looked at. A session
// that ended on another node is known here within a second; this adds to that.
const watchInterval = 200 * time.Millisecond

// sessionGetter is what the watch needs of the session manager.
type sessionGetter interface {
	Get(ctx context.Context, id string) (*session.Handle, error)
}

// liveness is a session.Handle or a session.Kept.
type liveness interface{ Live(now time.Time) bool }

// Watch returns true when the caller's session has ended, or the key of their token was
// taken out, false when ctx has ended.
func (g *Gate) Watch(ctx context.Context, c *Caller) bool {
	kid := c.kid()
	return watchSession(ctx, g.sessions, c.Session, &c.Kept, func() bool { return kid == "" || g.Ring().Has(kid) })
}

// watchSession returns true when the session has ended, or is not admitted any more,
// false when ctx has ended. A store that cannot answer has not said that the session
// ended; its age is known without the store.
func watchSession(ctx context.Context, sessions sessionGetter, s *session.Session, h liveness, admitted func() bool) bool {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case now := <-tick.C:
			if !admitted() {
				return true
			}
			if h.Live(now) {
				continue
			}
			if !now.Before(s.ExpiresAt) {
				return true
			}
			// changed, or ended, or no longer known: only the store can tell
			fresh, err := sessions.Get(ctx, s.ID)
			switch {
			case err == nil:
				h = fresh
			case errors.Is(err, session.ErrNotFound):
				return true
			}
		}
	}
}
