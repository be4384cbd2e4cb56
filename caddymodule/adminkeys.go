// adminkeys.go: the operator's view of the keys that sign and seal.

package caddymodule

import (
	"context"
	"net/http"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/seal"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
)

type adminKeys struct {
	Keys     []token.KeyInfo `json:"keys"`
	SealKeys []seal.KeyInfo  `json:"seal_keys,omitempty"` // kept ones
}

func adminListKeys(_ context.Context, a *App, w http.ResponseWriter, _ *http.Request, _ string) error {
	var answer adminKeys
	if a.vault != nil {
		answer.Keys = a.vault.Keys(time.Now())
	} else {
		answer.Keys = a.tokens.Load().ring.Keys()
	}
	if a.seals != nil {
		answer.SealKeys = a.seals.Infos()
	}
	return adminJSON(w, answer)
}

// adminRotateKeys publishes a new signing key; it signs when every node has had
// the time to read it.
func adminRotateKeys(ctx context.Context, a *App, w http.ResponseWriter, r *http.Request, _ string) error {
	switch kind := r.URL.Query().Get("kind"); kind {
	case "", "token":
	case "seal":
		return adminRotateSeals(ctx, a, w)
	default:
		return adminError(http.StatusBadRequest, "kind is token or seal")
	}
	if a.vault == nil {
		return adminError(http.StatusConflict, "the keys come from key_file: put a new file first and reload")
	}
	if _, err := a.vault.Rotate(ctx); err != nil {
		return adminError(http.StatusServiceUnavailable, "%v", err)
	}
	a.useKept()
	return adminListKeys(ctx, a, w, nil, "")
}

// adminRotateSeals makes a new seal key, which seals from now on.
func adminRotateSeals(ctx context.Context, a *App, w http.ResponseWriter) error {
	if a.seals == nil {
		return adminError(http.StatusConflict, "no seal key is kept: they come from seal_key_file or with token key_file, where a new file goes first, or the store keeps nothing")
	}
	if _, err := a.seals.Rotate(ctx); err != nil {
		return adminError(http.StatusServiceUnavailable, "%v", err)
	}
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
