// tokens.go: the signing keys of a configuration, their upkeep, and the way from
// a token to its caller.

package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	// base64 or raw. The keys that seal sessions in the store are derived from
	// them, unless `seal_key_files` names others. Default: a key is made once and
	// kept in Caddy's storage.
	KeyFiles []string `json:"key_files,omitempty"`

	// How often a kept key is replaced; at least 1s, and the same on all nodes that
	// share a storage. The old one verifies until no token of it can be alive. Not
	// with key files. Default: never.
	RotateEvery caddy.Duration `json:"rotate_every,omitempty"`

	algorithm token.Algorithm
	issuer    string
	keyFiles  []string
	keys      []*token.Key // of the files, once they were read
}

const (
	defaultAlgorithm = string(token.HS256)
	defaultIssuer    = "wechat-gateway"

	// minRotation is the least that the times in kept keys can tell.
	minRotation = caddy.Duration(time.Second)

	// upkeepInterval is how often keys are read again and dead entries dropped;
	// signing keys more often where rotate_every is less than ten of it.
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
		return errors.New("token rotate_every must be at least 1s")
	}
	return nil
}

// interval is how often the signing keys are read again.
func (c *TokenConfig) interval() time.Duration {
	if c.RotateEvery == 0 {
		return upkeepInterval
	}
	return min(upkeepInterval, max(100*time.Millisecond, time.Duration(c.RotateEvery)/10))
}

// pending is how long a new key is known before it signs: five intervals or more
// in which a node may be late.
func (c *TokenConfig) pending() time.Duration {
	const most, least = 5 * time.Minute, 2 * time.Second
	if c.RotateEvery == 0 {
		return most
	}
	return min(most, max(least, time.Duration(c.RotateEvery)/2))
}

// checkKept refuses to replace keys so often, and to keep them so long, that the
// document of kept keys would grow without reason.
func (c *TokenConfig) checkKept(lifetime time.Duration) error {
	every := time.Duration(c.RotateEvery)
	if every == 0 {
		return nil
	}
	n := token.Kept(every, lifetime, c.pending())
	if n <= token.MaxKept {
		return nil
	}
	// rounded up to what an operator would type; the slack is small beside it
	enough := ((lifetime + 25*time.Minute) / (token.MaxKept - 2)).Truncate(time.Second) + time.Second
	return fmt.Errorf("token rotate_every %s with session_lifetime %s would keep %d keys, as each verifies while tokens of it live; "+
		"at most %d are kept: make rotate_every %s or more, or session_lifetime shorter", every, lifetime, n, token.MaxKept, enough)
}

// loadFiles returns the keys of the files, none without files. They are read
// once: what signs and what is derived from it must be of one moment.
func (c *TokenConfig) loadFiles() ([]*token.Key, error) {
	if len(c.keyFiles) == 0 || c.keys != nil {
		return c.keys, nil
	}
	keys, err := token.LoadFiles(c.algorithm, c.keyFiles...)
	if err != nil {
		return nil, fmt.Errorf("token key_file: %v", err)
	}
	c.keys = keys
	return keys, nil
}

// verifier is one set of keys and the tokens they have verified. A change of
// keys makes a new one, so that a removed key's tokens end with it.
type verifier struct {
	ring *token.Keyring
	seen *seenTokens
}

func (a *App) provisionTokens(ctx caddy.Context) error {
	options := token.Options{Issuer: a.Token.issuer, MaxLifetime: time.Duration(maxSessionLifetime)}
	keys, err := a.Token.loadFiles()
	if err != nil {
		return err
	}
	if len(keys) > 0 {
		ring, err := token.NewKeyring(options, keys...)
		if err != nil {
			return fmt.Errorf("token key_file: %v", err)
		}
		a.use(ring)
		return nil
	}

	if err := a.Token.checkKept(time.Duration(a.SessionLifetime)); err != nil {
		return err
	}
	// how long a superseded key is kept follows from the lifetime in force now
	options.MaxLifetime = time.Duration(a.SessionLifetime)
	opening, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	vault, err := token.OpenVault(opening, token.VaultOptions{
		Options: options, Storage: ctx.Storage(), Algorithm: a.Token.algorithm, ActivationDelay: a.Token.pending(),
	})
	if err != nil {
		return fmt.Errorf("opening the kept signing keys: %v", err)
	}
	a.vault = vault
	a.useKept()
	return nil
}

// useKept puts the kept keys in force as they are now. Several may do so at a time:
// none puts back what was in force before.
func (a *App) useKept() {
	for {
		v := a.tokens.Load() // before the snapshot, which is then as new
		if a.replace(v, a.vault.Snapshot(time.Now())) {
			return
		}
	}
}

// use puts a ring in force, unless it is the one that is.
func (a *App) use(ring *token.Keyring) {
	for !a.replace(a.tokens.Load(), ring) {
	}
}

// replace puts a ring in the place of v's, unless it is the same or another was
// put there meanwhile, which it reports by false.
func (a *App) replace(v *verifier, ring *token.Keyring) bool {
	if v != nil && v.ring.ID() == ring.ID() {
		return true
	}
	return a.tokens.CompareAndSwap(v, &verifier{ring: ring, seen: newSeenTokens()})
}

// maintain runs until ctx ends. Reading keys is apart from changing them: who
// changes them may have to wait for another node, and must learn of that one's
// keys meanwhile.
func (a *App) maintain(ctx context.Context) {
	var wg sync.WaitGroup
	if a.vault != nil {
		wg.Go(func() { each(ctx, a.Token.interval(), a.followKeys) })
		wg.Go(func() { each(ctx, a.Token.interval(), a.rotateKeys) })
	}
	each(ctx, upkeepInterval, func(ctx context.Context) {
		a.upkeepSeals(ctx)
		a.tokens.Load().seen.sweep(time.Now())
	})
	wg.Wait()
}

// each calls f every so often until ctx ends.
func each(ctx context.Context, interval time.Duration, f func(context.Context)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f(ctx)
		}
	}
}

// followKeys puts the keys in storage in force. When storage fails, those that
// are known stay.
func (a *App) followKeys(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	if err := a.vault.Follow(ctx); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		a.logger.Error("reading the kept signing keys; the known ones stay in use", zap.Error(err))
	}
	a.useKept()
}

// rotateKeys changes the keys in storage when it is time.
func (a *App) rotateKeys(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, storageTimeout)
	defer cancel()
	rotated, err := a.vault.RotateIfDue(ctx, time.Duration(a.Token.RotateEvery))
	switch {
	case errors.Is(ctx.Err(), context.Canceled): // this configuration is over
	case err != nil:
		a.logger.Error("rotating the signing keys", zap.Error(err))
	case rotated:
		a.logger.Info("the signing keys changed")
	}
	a.useKept()
}

// authenticate implements authenticator.
func (a *App) authenticate(ctx context.Context, text string) (*caller, error) {
	v := a.tokens.Load()
	name := v.seen.name(text)
	if c := v.seen.get(&name); c != nil {
		if c.Live(time.Now()) {
			return c, nil
		}
		v.seen.drop(&name)
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
	// the keyring lets the second of exp pass, because exp is cut to it: for the
	// rest of that second the session must be one that ends within it
	if claims.ExpiresAt <= time.Now().Unix() && claims.ExpiresAt != h.ExpiresAt.Unix() {
		return nil, session.ErrNotFound
	}
	program := a.find(h.AppID)
	if program == nil {
		return nil, errOtherApp // it was configured when the user logged in
	}
	c := newCaller(name, h.Session, program)
	h.Keep(&c.Kept)
	v.seen.put(&name, c)
	return c, nil
}

// mint signs the token of a session.
func (a *App) mint(s *session.Session) (string, error) {
	return a.tokens.Load().ring.Mint(token.Claims{
		Subject: s.OpenID, Audience: s.AppID, ID: s.ID,
		IssuedAt: s.IssuedAt.Unix(), ExpiresAt: s.ExpiresAt.Unix(),
	})
}
