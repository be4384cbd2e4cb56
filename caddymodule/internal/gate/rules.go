// rules.go: what a site says about who may pass, and the verdict on a request.

package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weblogin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Errors that say why a request has nobody behind it. Those of packages token
// (ErrInvalid) and session (ErrNotFound) are the others; see IsAnonymous.
var (
	ErrNoToken  = errors.New("no token was sent")
	ErrConflict = errors.New("two credentials were sent that are not the same session")
	ErrOtherApp = errors.New("the session belongs to an app that this site does not accept")
	// ErrNoScheme is a token.ErrInvalid: what was sent is a token perhaps, and has no "Bearer"
	// before it.
	ErrNoScheme = fmt.Errorf("no scheme in Authorization: %w", token.ErrInvalid)
	ErrOrigin   = errors.New("a page of another origin used the session cookie")
)

// Asked is the request that is judged: the one that arrived, or one that somebody
// tells of.
type Asked struct {
	Host      string
	TLS       bool
	Header    http.Header
	WebSocket bool // it is a WebSocket handshake
	Writes    bool // its method is not GET, HEAD or OPTIONS

	// Earlier is the caller whom an earlier line found behind the same request, and
	// whose credential it may have taken away; or nil.
	Earlier *Caller
}

// Describe tells of the request that arrived.
func Describe(r Clean, earlier *Caller) Asked {
	writes := r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodOptions
	return Asked{Host: r.Host, TLS: r.TLS != nil, Header: r.Header, WebSocket: r.WebSocket, Writes: writes, Earlier: earlier}
}

// Authenticator finds the live session behind a token.
type Authenticator interface {
	// Authenticate returns the caller, or token.ErrInvalid or
	// session.ErrNotFound when the token names no live session. Every other
	// error means that the session store could not answer.
	Authenticate(ctx context.Context, text string) (*Caller, error)
}

// Rules are what a site says about who may pass.
type Rules struct {
	Auth         Authenticator
	Apps         apps.List               // whose sessions may enter
	Public       PublicPaths             // what needs no session
	Cookie       string                  // the session cookie's name; empty takes none
	ForwardToken bool                    // leave the credential on the request
	Trusted      weblogin.TrustedOrigins // whose pages may use the cookie
	LoginCookies string                  // how the names of cookies of logins under way begin; empty: there are none

	Dialects Dialects  // in which headers a caller is told of
	Asserter *Asserter // signs assertions; nil sends none
	Audience string    // of assertions; empty is the request's host
}

// IsPublic reports whether a path needs no session.
func (g *Rules) IsPublic(u *url.URL) bool { return g.Public.match(u) }

// Identify returns the one session that all credentials of the request
// name. A bad credential beside a good one is an error, never a fallback.
func (g *Rules) Identify(ctx context.Context, a *Asked, creds *Credentials) (*Caller, error) {
	if creds.mixed() {
		return nil, ErrConflict
	}
	var found *Caller
	for _, field := range creds.authorization {
		if text, ok := bearerToken(field); ok {
			if lacksScheme(field) {
				return nil, ErrNoScheme
			}
			if err := g.resolve(ctx, text, &found); err != nil {
				return nil, err
			}
		}
	}
	ambient := found == nil // what only the cookie says, a page need not know
	for _, text := range creds.cookies.values {
		if err := g.resolve(ctx, text, &found); err != nil {
			return nil, err
		}
	}
	if found == nil {
		found = a.Earlier
	}
	switch {
	case found == nil:
		return nil, ErrNoToken
	case a.Earlier != nil && a.Earlier.ID != found.ID:
		return nil, ErrConflict // with the credential that an earlier handler took away
	case !g.Apps.Has(found.App):
		return nil, ErrOtherApp
	case ambient && len(creds.cookies.values) > 0 && (a.WebSocket || a.Writes) && g.Foreign(a):
		return nil, ErrOrigin
	}
	return found, nil
}

// Foreign reports whether a page made the request that may not use the cookie: one of
// another origin, which the operator has not named. A page may have a browser send the
// cookie with a form or a handshake, and neither SameSite=Lax nor CORS prevents it
// everywhere. A token it would have to know.
func (g *Rules) Foreign(a *Asked) bool {
	if !weblogin.IsForeignPage(a.Header, a.Host, a.TLS) {
		return false
	}
	_, trust := g.Trusted.Of(a.Header)
	return trust != weblogin.Named
}

// resolve looks one token up and compares it with what was found before.
func (g *Rules) resolve(ctx context.Context, text string, found **Caller) error {
	c, err := g.Auth.Authenticate(ctx, text)
	switch {
	case err != nil:
		return err
	case *found != nil && (*found).ID != c.ID:
		return ErrConflict
	}
	*found = c
	return nil
}

// IsAnonymous reports whether err means that nobody is logged in, rather than
// that this could not be found out, or that somebody is and may not be served (ErrOrigin).
func IsAnonymous(err error) bool {
	return errors.Is(err, ErrNoToken) || errors.Is(err, token.ErrInvalid) || errors.Is(err, session.ErrNotFound) ||
		errors.Is(err, ErrOtherApp) || errors.Is(err, ErrConflict)
}
