// cookie.go: the session cookie for web pages: its name and its attributes.

package gate

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// hostPrefix makes a browser refuse the cookie unless it is Secure, for the
// whole site, and set by this very host (RFC 6265bis section 4.1.3.2), so that
// a sibling domain cannot plant one.
const hostPrefix = "__Host-"

// DefaultCookie is the name of the session cookie when the option "cookie" gives none.
const DefaultCookie = hostPrefix + "wechat_session"

// CookieName completes and checks the name of the option "cookie".
func CookieName(name string) (string, error) {
	if !strings.HasPrefix(name, hostPrefix) {
		name = hostPrefix + name
	}
	if name == hostPrefix || (&http.Cookie{Name: name}).Valid() != nil {
		return "", errors.New("this is not a cookie name") // not what: it may be a secret
	}
	return name, nil
}

// SessionCookie is the Set-Cookie that hands out a token; with an empty token
// it is the one that clears it. Both have the same attributes, or the browser
// would keep the first.
func SessionCookie(name, token string, lifetime time.Duration) *http.Cookie {
	maxAge := int(lifetime / time.Second)
	if token == "" {
		maxAge = -1
	}
	return &http.Cookie{
		Name: name, Value: token, Path: "/", MaxAge: maxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}
