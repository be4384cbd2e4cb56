// adminkeys.go: the operator's view of the signing keys.

package caddymodule

import (
	"context"
	"net/http"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
)

type adminKeys struct {
	Keys []token.KeyInfo `json:"keys"`
}

func adminListKeys(_ context.Context, a *App, w http.ResponseWriter, _ *http.Request, _ string) error {
	if a.vault == nil {
		return adminJSON(w, adminKeys{a.tokens.Load().ring.Keys()})
	}
	return adminJSON(w, adminKeys{a.vault.Keys(time.Now())})
}

// adminRotateKeys publishes a new signing key; it signs when every node has had
// the time to read it.
func adminRotateKeys(ctx context.Context, a *App, w http.ResponseWriter, _ *http.Request, _ string) error {
	if a.vault == nil {
		return adminError(http.StatusConflict, "the keys come from key_file: put a new file first and reload")
	}
	if _, err := a.vault.Rotate(ctx); err != nil {
		return adminError(http.StatusServiceUnavailable, "%v", err)
	}
	a.useKept()
	return adminListKeys(ctx, a, w, nil, "")
}

// adminRevokeKey takes a key out at once, and with it every token it signed.
func adminRevokeKey(ctx context.Context, a *App, w http.ResponseWriter, _ *http.Request, kid string) error {
	if a.vault == nil {
		return adminError(http.StatusConflict, "the keys come from key_file: remove the file from the list and reload")
	}
	known := false
	for _, key := range a.vault.Keys(time.Now()) {
		known = known || key.KID == kid
	}
	if !known {
		return adminError(http.StatusNotFound, "there is no key %q", kid)
	}
	if err := a.vault.Revoke(ctx, kid); err != nil {
		return adminError(http.StatusServiceUnavailable, "%v", err)
	}
	a.useKept()
	return adminListKeys(ctx, a, w, nil, "")
}
