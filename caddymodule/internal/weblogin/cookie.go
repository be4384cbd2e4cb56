// cookie.go: the login cookie: its name, its attributes, and its exact reading.

package weblogin

import (
	"net/http"
	"strings"
	"time"
)

// CookiePrefix begins the name of every login cookie. Each login has a cookie
// of its own, named by the nonce of its state: tabs that begin at the same time
// would overwrite each other's entry in a common one.
//
// A browser takes __Host- only from this very host, over HTTPS and for the
// whole site (RFC 6265bis section 4.1.3.2), so no sibling domain can plant one.
const CookiePrefix = "__Host-wechat_login_"

// cookieLifetime is how long a browser has for a login.
const cookieLifetime = 10 * time.Minute

func cookieName(state string) string { return CookiePrefix + state[:nonceLength] }

// loginCookie is the Set-Cookie of a login; with an empty value it clears it.
func loginCookie(name, value string) *http.Cookie {
	maxAge := int(cookieLifetime / time.Second)
	if value == "" {
		maxAge = -1
	}
	// Lax, because the browser comes back from WeChat's site.
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// addCookie appends a Set-Cookie to the header of an answer.
func addCookie(response http.Header, c *http.Cookie) {
	response.Add("Set-Cookie", c.String())
}

// readCookies calls found with name and value of each cookie of a request, until
// found says stop. Names are exact: only spaces and tabs around a pair are no
// part of it, as for a browser. A reader that trims Unicode blanks would take
// "\u2003__Host-…" for the cookie, which any sibling domain may set.
func readCookies(request http.Header, found func(name, value string) (more bool)) {
	for _, line := range request["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, ok := strings.Cut(pair, "=")
			if ok && !found(strings.Trim(name, " \t"), strings.Trim(value, " \t")) {
				return
			}
		}
	}
}

// oneCookie returns the value of the cookie with a name, or "" if there is none
// or more than one: which of two is the genuine one cannot be told.
func oneCookie(request http.Header, name string) string {
	value, count := "", 0
	readCookies(request, func(n, v string) bool {
		if n == name {
			value, count = v, count+1
		}
		return count < 2
	})
	if count != 1 {
		return ""
	}
	return value
}
