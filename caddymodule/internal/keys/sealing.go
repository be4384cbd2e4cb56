// sealing.go: the keys that seal what a store keeps, and their upkeep.

package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/certmagic"
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

// SealingOptions say which keys seal. Storage and Logger are needed.
type SealingOptions struct {
	Files     []string      // paths; the first seals, all open
	TokenKeys []*token.Key  // without Files: seal keys are derived from these; none: a key is kept in Storage
	Lifetime  time.Duration // of a session

	Storage certmagic.Storage
	Logger  *zap.Logger
}

// Sealing looks after the seal keys of a configuration. The keys are never kept in
// the store itself.
type Sealing struct {
	sealer  session.Sealer
	browser Sealer
	vault   *seal.Vault // nil with key files of either kind
	logger  *zap.Logger
}

// NewSealing loads the keys. Where token keys come from files, so do seal keys:
// nodes that accept each other's tokens then read each other's sessions, whatever
// storage each has.
func NewSealing(ctx context.Context, opts SealingOptions) (*Sealing, error) {
	if len(opts.Files) > 0 {
		keys, err := seal.LoadFiles(opts.Files...)
		if err != nil {
			return nil, fmt.Errorf("seal_key_file: %v", err)
		}
		return NewFixedSealing(keys), nil
	}
	if len(opts.TokenKeys) > 0 {
		keys, err := deriveSealKeys(opts.TokenKeys)
		if err != nil {
			return nil, fmt.Errorf("token key_file: %v", err)
		}
		return NewFixedSealing(keys), nil
	}
	opening, cancel := context.WithTimeout(ctx, StorageTimeout)
	defer cancel()
	vault, err := seal.OpenVault(opening, seal.VaultOptions{
		Storage: opts.Storage, MaxLifetime: max(opts.Lifetime, maxSharedLifetime),
	})
	if err != nil {
		return nil, fmt.Errorf("opening the kept seal keys: %v", err)
	}
	return &Sealing{sealer: sealer{vault}, browser: vault, vault: vault, logger: opts.Logger}, nil
}

// NewFixedSealing seals with keys that stay as they are.
func NewFixedSealing(keys *seal.Keys) *Sealing {
	fixed := seal.NewFixed(keys)
	return &Sealing{sealer: sealer{fixed}, browser: fixed}
}

// Browser seals and opens what browsers keep. It answers seal.ErrForged to what it did
// not seal.
func (s *Sealing) Browser() Sealer { return s.browser }

// Sealer is what seal.Vault and seal.Fixed offer.
type Sealer interface {
	Seal(ctx context.Context, plaintext, associated []byte) ([]byte, error)
	Open(ctx context.Context, sealed, associated []byte) ([]byte, error)
}

// Sealer seals and opens what a store keeps.
func (s *Sealing) Sealer() session.Sealer { return s.sealer }

// sealLabel must stay as it is: another one makes all that is stored unreadable.
const sealLabel = "wechat gateway: secret of the seal key that goes with a token key, version 1"

// deriveSealKeys makes a seal key of each private key, in their order: the first
// seals, all open. The seal key of a public key is not known here; the sessions
// of a node that has its private half cannot be read.
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

// Upkeep follows the seal keys in storage, and drops keys under which nothing is
// sealed any more.
func (s *Sealing) Upkeep(ctx context.Context) {
	if s == nil || s.vault == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, StorageTimeout)
	defer cancel()
	if err := s.vault.Refresh(ctx); err != nil {
		s.logger.Error("reading the kept seal keys; the known ones stay in use", zap.Error(err))
	} else if _, err := s.vault.RotateIfDue(ctx, 0); err != nil {
		s.logger.Error("dropping old seal keys", zap.Error(err))
	}
}

// Infos describes the kept keys; there are none with key files.
func (s *Sealing) Infos() []seal.KeyInfo {
	if s == nil || s.vault == nil {
		return nil
	}
	return s.vault.Infos()
}

// Rotate makes a new seal key, which seals from now on. The error is ErrFromFiles
// when keys are not kept.
func (s *Sealing) Rotate(ctx context.Context) error {
	if s == nil || s.vault == nil {
		return ErrFromFiles
	}
	_, err := s.vault.Rotate(ctx)
	return err
}
