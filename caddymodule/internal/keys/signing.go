// signing.go: the keys that sign tokens, and their upkeep.

// Package keys loads the keys that sign tokens and seal sessions, and looks after
// those that the gateway keeps itself: it follows what other nodes put into storage,
// and replaces keys when it is time. It signs and seals nothing.
package keys

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
)

const (
	// UpkeepInterval is how often keys are looked after and dead entries dropped;
	// signing keys more often where they are replaced in less than ten of it.
	UpkeepInterval = time.Minute

	// StorageTimeout bounds one upkeep of the keys.
	StorageTimeout = 30 * time.Second

	// MinRotation is the least that the times in kept keys can tell.
	MinRotation = time.Second
)

// SigningOptions say which keys sign. All but Files and RotateEvery are needed.
type SigningOptions struct {
	Algorithm token.Algorithm
	Issuer    string
	Files     []*token.Key  // the first signs, all verify; none: keys are kept in Storage
	Lifetime  time.Duration // of a session in force now: how long a superseded key is kept
	// The longest lifetime that any configuration may have given a session.
	MaxLifetime time.Duration
	RotateEvery time.Duration // of kept keys; 0 is never

	Storage certmagic.Storage
	Logger  *zap.Logger

	// Use puts a ring in force; Follow what a function returns, after it was called.
	Use    func(*token.Keyring)
	Follow func(func() *token.Keyring)
}

// Signing looks after the signing keys of a configuration.
type Signing struct {
	opts  SigningOptions
	vault *token.Vault // nil with key files
	told  time.Time    // when the log last had that storage fails
}

// NewSigning loads the keys and puts them in force.
func NewSigning(ctx context.Context, opts SigningOptions) (*Signing, error) {
	s := &Signing{opts: opts}
	options := token.Options{Issuer: opts.Issuer, MaxLifetime: opts.MaxLifetime}
	if len(opts.Files) > 0 {
		ring, err := token.NewKeyring(options, opts.Files...)
		if err != nil {
			return nil, fmt.Errorf("token key_file: %v", err)
		}
		opts.Use(ring)
		return s, nil
	}

	if err := s.checkKept(); err != nil {
		return nil, err
	}
	options.MaxLifetime = opts.Lifetime
	opening, cancel := context.WithTimeout(ctx, StorageTimeout)
	defer cancel()
	vault, err := token.OpenVault(opening, token.VaultOptions{
		Options: options, Storage: opts.Storage, Algorithm: opts.Algorithm, ActivationDelay: s.pending(),
	})
	if err != nil {
		return nil, fmt.Errorf("opening the kept signing keys: %v", err)
	}
	s.vault = vault
	s.useKept()
	return s, nil
}

// interval is how often the signing keys are looked after.
func (s *Signing) interval() time.Duration {
	if s.opts.RotateEvery == 0 {
		return UpkeepInterval
	}
	return min(UpkeepInterval, max(100*time.Millisecond, s.opts.RotateEvery/10))
}

// pending is how long a new key is known before it signs: five intervals or more
// in which a node may be late.
func (s *Signing) pending() time.Duration {
	const most, least = 5 * time.Minute, 2 * time.Second
	if s.opts.RotateEvery == 0 {
		return most
	}
	return min(most, max(least, s.opts.RotateEvery/2))
}

// checkKept refuses to replace keys so often, and to keep them so long, that the
// document of kept keys would grow without reason.
func (s *Signing) checkKept() error {
	every := s.opts.RotateEvery
	if every == 0 {
		return nil
	}
	lifetime := s.opts.Lifetime
	n := token.Kept(every, lifetime, s.pending())
	if n <= token.MaxKept {
		return nil
	}
	// rounded up to what an operator would type; the slack is small beside it
	enough := ((lifetime + 25*time.Minute) / (token.MaxKept - 2)).Truncate(time.Second) + time.Second
	return fmt.Errorf("token rotate_every %s with session_lifetime %s would keep %d keys, as each verifies while tokens of it live; "+
		"at most %d are kept: make rotate_every %s or more, or session_lifetime shorter", every, lifetime, n, token.MaxKept, enough)
}

// useKept puts the kept keys in force as they are now.
func (s *Signing) useKept() {
	s.opts.Follow(func() *token.Keyring { return s.vault.Snapshot(time.Now()) })
}

// Maintain looks after kept keys until ctx ends. Reading keys is apart from changing
// them: a node that changes them may have to wait for another, and must learn of
// that one's keys meanwhile.
func (s *Signing) Maintain(ctx context.Context) {
	if s.vault == nil {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { Each(ctx, min(s.interval(), token.FollowInterval), s.follow) })
	wg.Go(func() { Each(ctx, s.interval(), s.rotate) })
	wg.Wait()
}

// Each calls f every so often until ctx ends.
func Each(ctx context.Context, interval time.Duration, f func(context.Context)) {
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

// follow puts the keys in storage in force. When storage fails, those that
// are known stay.
func (s *Signing) follow(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, StorageTimeout)
	defer cancel()
	err := s.vault.Follow(ctx)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) && time.Since(s.told) >= UpkeepInterval {
		s.told = time.Now()
		s.opts.Logger.Error("reading the kept signing keys; the known ones stay in use", zap.Error(err))
	}
	s.useKept()
}

// Find is for a token that names no key in force: it looks into storage for a key that
// another node has made a moment ago, once a second at most for all tokens together,
// and puts it in force. An error means that this could not be found out.
func (s *Signing) Find(ctx context.Context, text string) (found bool, err error) {
	if s.vault == nil {
		return false, nil
	}
	found, err = s.vault.FollowUnknown(ctx, text)
	if found {
		s.useKept()
	}
	return found, err
}

// rotate changes the keys in storage when it is time.
func (s *Signing) rotate(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, StorageTimeout)
	defer cancel()
	rotated, err := s.vault.RotateIfDue(ctx, s.opts.RotateEvery)
	switch {
	case errors.Is(ctx.Err(), context.Canceled): // this configuration is over
	case err != nil:
		s.opts.Logger.Error("rotating the signing keys", zap.Error(err))
	case rotated:
		s.opts.Logger.Info("the signing keys changed")
	}
	s.useKept()
}

// ErrFromFiles means that the keys are not the gateway's to change.
var ErrFromFiles = errors.New("the keys come from files")

// Infos describes the keys. ring is the one in force.
func (s *Signing) Infos(ring *token.Keyring) []token.KeyInfo {
	if s.vault == nil {
		return ring.Keys()
	}
	return s.vault.Keys(time.Now())
}

// Rotate publishes a new key; it signs when every node has had the time to read it.
// The error is ErrFromFiles when keys are not kept.
func (s *Signing) Rotate(ctx context.Context) error {
	if s.vault == nil {
		return ErrFromFiles
	}
	if _, err := s.vault.Rotate(ctx); err != nil {
		return err
	}
	s.useKept()
	return nil
}

// Revoke takes a key out at once, and with it every token that it signed; known is
// false when there is no such key. The error is ErrFromFiles when keys are not kept.
func (s *Signing) Revoke(ctx context.Context, kid string) (known bool, err error) {
	if s.vault == nil {
		return false, ErrFromFiles
	}
	for _, key := range s.vault.Keys(time.Now()) {
		known = known || key.KID == kid
	}
	if !known {
		return false, nil
	}
	if err := s.vault.Revoke(ctx, kid); err != nil {
		return true, err
	}
	s.useKept()
	return true, nil
}
