// adminkeys.go: the operator's view of the keys that sign and seal.

package wechat

import (
	"context"
	"errors"
	"net/http"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/engine"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/keys"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/seal"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
)

type adminKeys struct {
	Keys     []token.KeyInfo `json:"keys"`
	SealKeys []seal.KeyInfo  `json:"seal_keys,omitempty"` // kept ones
}

func adminListKeys(_ context.Context, e *engine.Engine, w http.ResponseWriter, _ *http.Request, _ string) error {
	return adminJSON(w, adminKeys{Keys: e.Signing.Infos(e.Gate.Ring()), SealKeys: e.Sealing.Infos()})
}

// adminRotateKeys publishes a new signing key, or makes a new seal key.
func adminRotateKeys(ctx context.Context, e *engine.Engine, w http.ResponseWriter, r *http.Request, _ string) error {
	var err error
	fromFiles := "the keys come from key_file: put a new file first and reload"
	switch kind := r.URL.Query().Get("kind"); kind {
	case "", "token":
		err = e.Signing.Rotate(ctx)
	case "seal":
		err = e.Sealing.Rotate(ctx)
		fromFiles = "the gateway keeps no seal key here: put a new file first in seal_key_file (or token key_file) and reload; " +
			"the memory store seals nothing"
	default:
		return adminError(http.StatusBadRequest, "kind is token or seal")
	}
	switch {
	case errors.Is(err, keys.ErrFromFiles):
		return adminError(http.StatusConflict, "%s", fromFiles)
	case err != nil:
		return adminError(http.StatusServiceUnavailable, "%v", err)
	}
	return adminListKeys(ctx, e, w, nil, "")
}

// adminRevokeKey takes a key out at once, and with it every token it signed.
func adminRevokeKey(ctx context.Context, e *engine.Engine, w http.ResponseWriter, _ *http.Request, kid string) error {
	known, err := e.Signing.Revoke(ctx, kid)
	switch {
	case errors.Is(err, keys.ErrFromFiles):
		return adminError(http.StatusConflict, "the keys come from key_file: remove the file from the list and reload")
	case err != nil:
		return adminError(http.StatusServiceUnavailable, "%v", err)
	case !known:
		return adminError(http.StatusNotFound, "there is no key %q", kid)
	}
	return adminListKeys(ctx, e, w, nil, "")
}
