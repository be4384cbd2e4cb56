// tokens.go: the signing keys of a configuration, their upkeep, and the way from
// a token to its caller.

package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// TokenConfig says how session tokens are signed.
type TokenConfig struct {
	// `HS256`, `EdDSA`, `ES256` or `RS256`. With an asymmetric one, others can
	// verify tokens with the keys at `<prefix>/jwks.json`. Default: `HS256`
	Algorithm string `json:"algorithm,omitempty"`

	// The `iss` of the tokens. Default: `wechat-gateway`
	Issuer string `json:"issuer,omitempty"`

	// Files with keys: the first signs, all verify. Asymmetric keys are PEM
	// (PKCS#8, PKCS#1 or SEC1); an HS256 key is at least 32 random bytes, as hex,
	// base64 or raw. Default: a key is made once and kept in Caddy's storage.
	KeyFiles []string `json:"key_files,omitempty"`

	// How often a kept key is replaced. The old one verifies until no token of it
	// can be alive. Not with key files. Default: never.
	RotateEvery caddy.Duration `json:"rotate_every,omitempty"`

	algorithm token.Algorithm
	issuer    string
	keyFiles  []string
}

const (
	defaultAlgorithm = string(token.HS256)
	defaultIssuer    = "wechat-gateway"

	// minRotation keeps a mistyped unit from turning keys over faster than nodes
	// can learn of them.
	minRotation = caddy.Duration(time.Hour)

	// upkeepInterval is how often keys are read again and dead entries dropped.
	upkeepInterval = time.Minute

	// storageTimeout bounds one upkeep of the keys.
	storageTimeout = 30 * time.Second
)

func (c *TokenConfig) resolve() error {
	if c.Algorithm == "" {
		c.Algorithm = defaultAlgorithm
	}
	var err error
	if c.algorithm, err = token.ParseAlgorithm(c.Algorithm); err != nil {
		return fmt.Errorf("token algorithm: %v", err)
	}
	if c.Issuer == "" {
		c.Issuer = defaultIssuer
	}
	if c.issuer, err = resolveText("token issuer", c.Issuer); err != nil {
		return err
	}
	for _, path := range c.KeyFiles {
		if path, err = resolvePath("token key_file", path); err != nil {
			return err
		}
		c.keyFiles = append(c.keyFiles, path)
	}
	switch {
	case c.RotateEvery != 0 && len(c.KeyFiles) > 0:
		return errors.New("token rotate_every is for keys that the gateway keeps: with key_file, put a new file first and reload")
	case c.RotateEvery != 0 && c.RotateEvery < minRotation:
		return errors.New("token rotate_every must be at least 1h")
	}
	return nil
}

// verifier is one set of keys and the tokens they have verified. A change of
// keys makes a new one, so that a removed key's tokens end with it.
type verifier struct {
	ring *token.Keyring
	seen *seenTokens
}

func (a *App) provisionTokens(ctx caddy.Context) error {
	options := token.Options{Issuer: a.Token.issuer, MaxLifetime: time.Duration(maxSessionLifetime)}
	if len(a.Token.KeyFiles) > 0 {
		keys, err := token.LoadFiles(a.Token.algorithm, a.Token.keyFiles...)
		if err != nil {
			return fmt.Errorf("token key_file: %v", err)
		}
		ring, err := token.NewKeyring(options, keys...)
		if err != nil {
			return fmt.Errorf("token key_file: %v", err)
		}
		a.use(ring)
		return nil
	}

	// how long a superseded key is kept follows from the lifetime in force now
	options.MaxLifetime = time.Duration(a.SessionLifetime)
	opening, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	vault, err := token.OpenVault(opening, token.VaultOptions{
		Options: options, Storage: ctx.Storage(), Algorithm: a.Token.algorithm,
	})
	if err != nil {
		return fmt.Errorf("opening the kept signing keys: %v", err)
	}
	a.vault = vault
	a.useKept()
	return nil
}

// useKept puts the kept keys in force as they are now.
func (a *App) useKept() { a.use(a.vault.Snapshot(time.Now())) }

// use puts a ring in force, unless it is the one that is.
func (a *App) use(ring *token.Keyring) {
	if v := a.tokens.Load(); v == nil || v.ring.ID() != ring.ID() {
		a.tokens.Store(&verifier{ring: ring, seen: newSeenTokens()})
	}
}

// maintain runs until ctx ends.
func (a *App) maintain(ctx context.Context) {
	tick := time.NewTicker(upkeepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			a.upkeepKeys(ctx)
			a.upkeepSeals(ctx)
			a.tokens.Load().seen.sweep(now)
		}
	}
}

// upkeepKeys follows the keys in storage. When storage fails, those in force stay.
func (a *App) upkeepKeys(ctx context.Context) {
	if a.vault == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	if err := a.vault.Refresh(ctx); err != nil {
		a.logger.Error("reading the kept signing keys; the known ones stay in use", zap.Error(err))
	} else if rotated, err := a.vault.RotateIfDue(ctx, time.Duration(a.Token.RotateEvery)); err != nil {
		a.logger.Error("rotating the signing keys", zap.Error(err))
	} else if rotated {
		a.logger.Info("the signing keys changed")
	}
	a.useKept()
}

// authenticate implements authenticator.
func (a *App) authenticate(ctx context.Context, text string) (*caller, error) {
	v := a.tokens.Load()
	digest := digestToken(text)
	if c := v.seen.get(&digest); c != nil {
		if c.Live(time.Now()) {
			return c, nil
		}
		v.seen.drop(&digest)
	}

	claims, err := v.ring.Verify(text)
	if err != nil {
		return nil, err
	}
	h, err := a.sessions.Get(ctx, claims.ID)
	if err != nil {
		return nil, err
	}
	// the token is ours and so is the session; that they tell of one user is
	// what a store that mixes up its answers would break
	if h.AppID != claims.Audience || h.OpenID != claims.Subject {
		return nil, session.ErrNotFound
	}
	program := a.find(h.AppID)
	if program == nil {
		return nil, errOtherApp // it was configured when the user logged in
	}
	c := newCaller(digest, h.Session, program)
	h.Keep(&c.Kept)
	v.seen.put(&digest, c)
	return c, nil
}

// mint signs the token of a session.
func (a *App) mint(s *session.Session) (string, error) {
	return a.tokens.Load().ring.Mint(token.Claims{
		Subject: s.OpenID, Audience: s.AppID, ID: s.ID,
		IssuedAt: s.IssuedAt.Unix(), ExpiresAt: s.ExpiresAt.Unix(),
	})
}
