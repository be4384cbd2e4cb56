// storechange.go: a reload that ends all sessions says so.

package wechat

import (
	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// identified is what a store may implement to tell two configurations of it apart:
// equal texts keep the same sessions. The text is compared and shown to nobody.
type identified interface{ Identity() string }

// tellStoreChange compares the store with that of the configuration that still runs.
func (a *App) tellStoreChange() {
	running := caddy.ActiveContext()
	if running.Context == nil {
		return
	}
	active, err := running.AppIfConfigured("wechat")
	if err != nil {
		return // there was no gateway before
	}
	before, ok := active.(*App)
	if !ok || before.engine == nil {
		return
	}
	was, is := storeName(before.engine.Store), storeName(a.engine.Store)
	if was == is && sameSessions(before.engine.Store, a.engine.Store) {
		return
	}
	a.logger.Warn("the session store is another one: all sessions end, and everybody has to log in again; load the former configuration to have them back",
		zap.String("old_store", was), zap.String("new_store", is))
}

func sameSessions(a, b session.Store) bool {
	one, ok := a.(identified)
	other, also := b.(identified)
	return !ok || !also || one.Identity() == other.Identity()
}

// storeName is the name that a configuration has for a store.
func storeName(store session.Store) string {
	module, ok := store.(caddy.Module)
	if !ok {
		return "unknown"
	}
	return caddy.GetModuleName(module)
}
