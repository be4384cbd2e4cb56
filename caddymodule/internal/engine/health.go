// health.go: whether anybody can log in now.

package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Health tells whether logins can succeed. Sessions that exist may be well all the
// same: WeChat being away does not touch them.
type Health struct {
	Store  error // why the store cannot keep a login; nil if it can
	WeChat error // why WeChat lets nobody of some app in; nil if it does
}

// OK reports whether logins of all apps can succeed.
func (h Health) OK() bool { return h.Store == nil && h.WeChat == nil }

// String has a line for each of what the gateway depends on. It holds no secret.
func (h Health) String() string {
	var lines strings.Builder
	for _, part := range []struct {
		name string
		err  error
	}{{"store", h.Store}, {"wechat", h.WeChat}} {
		if part.err != nil {
			// one line each, whatever is said about it
			fmt.Fprintf(&lines, "%s: %s\n", part.name, strings.Join(strings.Fields(part.err.Error()), " "))
		} else {
			fmt.Fprintf(&lines, "%s: ok\n", part.name)
		}
	}
	return lines.String()
}

// Health finds out: the store by a write, WeChat by a call, and by what it last said
// to a login of each app. A refusal counts for a minute, or until a login succeeds.
func (e *Engine) Health(ctx context.Context) Health {
	var h Health
	if checker, ok := e.Store.(session.Checker); ok {
		h.Store = checker.Check(ctx)
	}
	if h.WeChat = e.Client.Reachable(ctx); h.WeChat != nil {
		return h
	}
	var refused []string
	for _, app := range e.Apps {
		errcode, when, ok := e.Client.Refusal(app.AppID)
		if ok {
			refused = append(refused, fmt.Sprintf("refuses app %s (errcode %d, %.0f s ago): %s",
				app.AppID, errcode, time.Since(when).Seconds(), weixin.Hint(errcode)))
		}
	}
	if len(refused) > 0 {
		h.WeChat = fmt.Errorf("%s", strings.Join(refused, "; "))
	}
	return h
}
