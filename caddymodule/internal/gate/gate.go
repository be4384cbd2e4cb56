// gate.go: from a token to its caller.

// Package gate decides who is behind a request and what may pass: it takes out of
// a request what a client could say in the gateway's name, reads credentials from
// where they may come, finds the live session, and writes the identity headers.
//
// It judges and edits requests, and answers none: a verdict is a caller, or an
// error that says why there is none. An error that is not anonymous (see
// IsAnonymous) means that it could not be found out, and never that nobody is
// logged in.
package gate

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Gate finds the sessions behind tokens, and signs tokens for sessions. It is safe
// for concurrent use. Before the first Use it must not be asked.
type Gate struct {
	sessions *session.Manager
	apps     apps.List
	inForce  atomic.Pointer[verifier]

	// FindKey looks for the key of a token that names none of the ring in force, and
	// puts a ring in force that has it, which it reports. An error means that this
	// could not be found out. It may be nil, and is set before the first request.
	FindKey func(ctx context.Context, text string) (found bool, err error)
}

// verifier is one set of keys and the tokens they have verified. A change of
// keys makes a new one, so that a removed key's tokens end with it.
type verifier struct {
	ring *token.Keyring
	seen *seenTokens
}

// New returns a gate for the sessions of these apps.
func New(sessions *session.Manager, list apps.List) *Gate {
	return &Gate{sessions: sessions, apps: list}
}

// Ring returns the keys in force.
func (g *Gate) Ring() *token.Keyring { return g.inForce.Load().ring }

// Use puts a ring in force, unless it is the one that is.
func (g *Gate) Use(ring *token.Keyring) {
	for !g.replace(g.inForce.Load(), ring) {
	}
}

// Follow puts in force what snapshot returns. Several may do so at a time: none
// puts back what was in force before.
func (g *Gate) Follow(snapshot func() *token.Keyring) {
	for {
		v := g.inForce.Load() // before the snapshot, which is then as new
		if g.replace(v, snapshot()) {
			return
		}
	}
}

// replace puts a ring in the place of v's, unless it is the same or another was
// put there meanwhile, which it reports by false.
func (g *Gate) replace(v *verifier, ring *token.Keyring) bool {
	if v != nil && v.ring.ID() == ring.ID() {
		return true
	}
	return g.inForce.CompareAndSwap(v, &verifier{ring: ring, seen: newSeenTokens()})
}

// Sweep forgets callers whose sessions have ended.
func (g *Gate) Sweep(now time.Time) { g.inForce.Load().seen.sweep(now) }

// Authenticate implements Authenticator.
func (g *Gate) Authenticate(ctx context.Context, text string) (*Caller, error) {
	v := g.inForce.Load()
	name := v.seen.name(text)
	if c := v.seen.get(&name); c != nil {
		if c.Live(time.Now()) {
			return c, nil
		}
		v.seen.drop(&name)
	}

	claims, err := v.ring.Verify(text)
	if err != nil && g.FindKey != nil && v.ring.KeyOf(text) == "" {
		// another node may have made the key a moment ago
		found, lookErr := g.FindKey(ctx, text)
		if lookErr != nil {
			return nil, lookErr
		}
		if found {
			v = g.inForce.Load()
			name = v.seen.name(text)
			claims, err = v.ring.Verify(text)
		}
	}
	if err != nil {
		return nil, err
	}
	h, err := g.sessions.Get(ctx, claims.ID)
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
	app := g.apps.Find(h.AppID)
	if app == nil {
		return nil, ErrOtherApp // it was configured when the user logged in
	}
	c := newCaller(name, h.Session, app, v.ring.KeyOf(text))
	h.Keep(&c.Kept)
	v.seen.put(&name, c)
	return c, nil
}

// Mint signs the token of a session.
func (g *Gate) Mint(s *session.Session) (string, error) {
	return g.Ring().Mint(token.Claims{
		Subject: s.OpenID, Audience: s.AppID, ID: s.ID,
		IssuedAt: s.IssuedAt.Unix(), ExpiresAt: s.ExpiresAt.Unix(),
	})
}

var _ Authenticator = (*Gate)(nil)
