// credential.go: reading the token of a request, from where it may come and
// from nowhere else, and taking it out before the request goes on.

package gate

import (
	"net/http"
	"strings"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/ascii"
)

// Credentials are the tokens that a request carries, and where.
type Credentials struct {
	authorization []string // all fields of that name, as they came
	bearers       int      // how many of them are bearer tokens
	cookies       sessionCookies
}

// Credentials reads the tokens of a request's header.
func (g *Rules) Credentials(header http.Header) Credentials {
	c := Credentials{authorization: header["Authorization"]}
	for _, field := range c.authorization {
		if _, ok := bearerToken(field); ok {
			c.bearers++
		}
	}
	if g.Cookie != "" {
		c.cookies = readSessionCookies(header, g.Cookie)
	}
	return c
}

// ForgetCookies leaves what a request carries in Authorization.
func (c *Credentials) ForgetCookies() { c.cookies = sessionCookies{} }

// mixed says that there are several Authorization fields of which at least one
// is no bearer token, so that nobody can tell which one counts.
func (c *Credentials) mixed() bool {
	return len(c.authorization) > 1 && c.bearers < len(c.authorization)
}

// bearerToken reads "Bearer <token>" (RFC 6750 section 2.1; the scheme's case
// does not count, RFC 9110 section 11.1). A token behind anything but blanks, an
// empty one, and a field without a scheme are bearer tokens too, and bad ones:
// a client that sends them means to be somebody.
func bearerToken(field string) (text string, ok bool) {
	if text, ok := strings.CutPrefix(field, "Bearer "); ok {
		return strings.TrimLeft(text, " "), true // as nearly everybody writes it
	}
	scheme, rest, found := strings.Cut(field, " ")
	switch {
	case found && ascii.Equal(scheme, "bearer"):
		return strings.TrimLeft(rest, " "), true
	case !found, strings.ContainsRune(scheme, '\t'):
		return "", true
	}
	return "", false
}

// lacksScheme reports whether a field is one word, and not the scheme alone.
func lacksScheme(field string) bool {
	return field != "" && strings.IndexByte(field, ' ') < 0 && !ascii.Equal(field, "bearer")
}

// Remove takes our tokens out of a request that goes on: the backend does not
// need them, and its logs and errors must not show them. That goes for every
// bearer token: one that does not verify may still be ours, misspelled.
func (g *Rules) Remove(creds *Credentials, header http.Header) {
	if g.LoginCookies != "" {
		removeLoginCookies(header, g.LoginCookies)
	}
	if g.ForwardToken {
		return
	}
	if creds.bearers > 0 {
		delete(header, "Authorization")
	}
	if len(creds.cookies.values) > 0 || creds.cookies.lookAlikes {
		removeSessionCookies(header, g.Cookie)
	}
}
