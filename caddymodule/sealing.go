// sealing.go: the keys that seal what a store keeps, and when they are needed.

package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/seal"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// sealer lets the session package know forgeries by its own error.
type sealer struct{ session.Sealer }

func (s sealer) Open(ctx context.Context, sealed, associated []byte) ([]byte, error) {
	value, err := s.Sealer.Open(ctx, sealed, associated)
	if errors.Is(err, seal.ErrForged) {
		return nil, session.ErrForged
	}
	return value, err
}

// provisionSealing returns how the values of a store are sealed; nil for a store
// that writes nothing anywhere. The keys are never kept in the store itself.
// Where token keys come from files, so do seal keys: nodes that accept each
// other's tokens then read each other's sessions, whatever storage each has.
func (a *App) provisionSealing(ctx caddy.Context, store session.Store) (session.Sealer, error) {
	if _, volatile := store.(session.Volatile); volatile {
		if len(a.SealKeyFiles) > 0 {
			return nil, errors.New("seal_key_file is for a store that keeps sessions outside of this process")
		}
		return nil, nil
	}
	if len(a.SealKeyFiles) > 0 {
		paths := make([]string, len(a.SealKeyFiles))
		for i, path := range a.SealKeyFiles {
			var err error
			if paths[i], err = resolvePath("seal_key_file", path); err != nil {
				return nil, err
			}
		}
		keys, err := seal.LoadFiles(paths...)
		if err != nil {
			return nil, fmt.Errorf("seal_key_file: %v", err)
		}
		return sealer{seal.NewFixed(keys)}, nil
	}
	tokenKeys, err := a.Token.loadFiles()
	if err != nil {
		return nil, err
	}
	if len(tokenKeys) > 0 {
		keys, err := deriveSealKeys(tokenKeys)
		if err != nil {
			return nil, fmt.Errorf("token key_file: %v", err)
		}
		return sealer{seal.NewFixed(keys)}, nil
	}
	opening, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	vault, err := seal.OpenVault(opening, seal.VaultOptions{
		Storage: ctx.Storage(), MaxLifetime: max(time.Duration(a.SessionLifetime), maxSharedLifetime),
	})
	if err != nil {
		return nil, fmt.Errorf("opening the kept seal keys: %v", err)
	}
	a.seals = vault
	return sealer{vault}, nil
}

// sealLabel must stay as it is: another one makes all that is stored unreadable.
const sealLabel = "wechat gateway: secret of the seal key that goes with a token key, version 1"

// deriveSealKeys makes a seal key of each private key, in their order: the first
// seals, all open. The seal key of a public key is not known here; the sessions
// of whoever has its private half cannot be read.
func deriveSealKeys(from []*token.Key) (*seal.Keys, error) {
	var secrets [][]byte
	for _, key := range from {
		secret, err := key.Derive(sealLabel)
		if err != nil {
			return nil, err
		}
		if secret != nil {
			secrets = append(secrets, secret)
		}
	}
	return seal.NewKeys(secrets...)
}

// maxSharedLifetime is how long values live that are not bound to a session's
// lifetime: an access token.
const maxSharedLifetime = 2 * time.Hour

// upkeepSeals follows the seal keys in storage and drops those that nothing
// sealed by them is left of.
func (a *App) upkeepSeals(ctx context.Context) {
	if a.seals == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	if err := a.seals.Refresh(ctx); err != nil {
		a.logger.Error("reading the kept seal keys; the known ones stay in use", zap.Error(err))
	} else if _, err := a.seals.RotateIfDue(ctx, 0); err != nil {
		a.logger.Error("dropping old seal keys", zap.Error(err))
	}
}
