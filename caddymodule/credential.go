// credential.go: reading the token of a request, from where it may come and
// from nowhere else, and taking it out before the request goes on.

package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// authenticator finds the live session behind a token. It is what the handler
// needs of the App.
type authenticator interface {
	// authenticate returns the caller, or token.ErrInvalid or
	// session.ErrNotFound when the token names no live session. Every other
	// error means that the session store could not answer.
	authenticate(ctx context.Context, text string) (*caller, error)
}

var (
	errNoToken  = errors.New("no token was sent")
	errConflict = errors.New("two credentials were sent that are not the same session")
	errOtherApp = errors.New("the session belongs to an app that this site does not accept")
	errOrigin   = errors.New("a page of another origin used the session cookie")
)

// credentials are the tokens that a request carries, and where.
type credentials struct {
	authorization []string // all fields of that name, as they came
	bearers       int      // how many of them are bearer tokens
	cookies       []string // the values of all session cookies
}

func (h *Handler) credentials(r *http.Request) credentials {
	c := credentials{authorization: r.Header["Authorization"]}
	for _, field := range c.authorization {
		if _, ok := bearerToken(field); ok {
			c.bearers++
		}
	}
	if h.Cookie != "" {
		c.cookies = cookieValues(nil, r, h.Cookie)
	}
	return c
}

// mixed says that there are several Authorization fields of which at least one
// is no bearer token, so that nobody can tell which one counts.
func (c *credentials) mixed() bool {
	return len(c.authorization) > 1 && c.bearers < len(c.authorization)
}

// bearerToken reads "Bearer <token>" (RFC 6750 section 2.1; the scheme's case
// does not count, RFC 9110 section 11.1). A token behind anything but blanks, an
// empty one, and a field without a scheme are bearer tokens too, and bad ones:
// whoever sends them means to be somebody.
func bearerToken(field string) (text string, ok bool) {
	if text, ok := strings.CutPrefix(field, "Bearer "); ok {
		return strings.TrimLeft(text, " "), true // as nearly everybody writes it
	}
	scheme, rest, found := strings.Cut(field, " ")
	switch {
	case found && strings.EqualFold(scheme, "bearer"):
		return strings.TrimLeft(rest, " "), true
	case !found, strings.ContainsRune(scheme, '\t'):
		return "", true
	}
	return "", false
}

// identifyCaller returns the one session that all credentials of the request
// name. A bad credential beside a good one is an error, never a fallback.
func (h *Handler) identifyCaller(r *http.Request, creds credentials) (*caller, error) {
	if creds.mixed() {
		return nil, errConflict
	}
	var found *caller
	for _, field := range creds.authorization {
		if text, ok := bearerToken(field); ok {
			if err := h.resolve(r, text, &found); err != nil {
				return nil, err
			}
		}
	}
	if len(creds.cookies) > 0 && opensWebSocket(r) && foreignOrigin(r) {
		// a browser sends the cookie with a handshake that any page may start,
		// and neither SameSite=Lax nor CORS stands in its way everywhere
		return nil, errOrigin
	}
	for _, text := range creds.cookies {
		if err := h.resolve(r, text, &found); err != nil {
			return nil, err
		}
	}
	known := knownCaller(r)
	if found == nil {
		found = known
	}
	switch {
	case found == nil:
		return nil, errNoToken
	case known != nil && known.ID != found.ID:
		return nil, errConflict // with the credential that an earlier handler took away
	case !h.accepts(found.program):
		return nil, errOtherApp
	}
	return found, nil
}

// resolve looks one token up and compares it with what was found before.
func (h *Handler) resolve(r *http.Request, text string, found **caller) error {
	c, err := h.auth.authenticate(r.Context(), text)
	switch {
	case err != nil:
		return err
	case *found != nil && (*found).ID != c.ID:
		return errConflict
	}
	*found = c
	return nil
}

// removeCredentials takes our tokens out of a request that goes on: the backend
// does not need them, and its logs and errors must not show them. That goes for
// every bearer token: one that does not verify may still be ours, misspelled.
func (h *Handler) removeCredentials(r cleanRequest, creds credentials) {
	if h.ForwardToken {
		return
	}
	if creds.bearers > 0 {
		delete(r.Header, "Authorization")
	}
	if len(creds.cookies) > 0 {
		removeCookie(r.Request, h.Cookie)
	}
}
