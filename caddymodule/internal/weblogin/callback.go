// callback.go: what WeChat sends back, and passing it on to the site that began.

package weblogin

import (
	"errors"
	"net/url"
)

// maxCode bounds the code that WeChat hands out (32 characters as of 2026).
const maxCode = 512

// ErrBadCallback: the query of a callback is not one that WeChat makes (400).
var ErrBadCallback = errors.New("this is not an answer of WeChat to a login that began here")

// Callback is WeChat's answer to a login.
type Callback struct {
	State string
	Code  string // a secret until it is redeemed; empty: the user refused
}

// ParseCallback reads the query of a callback. Parameters that WeChat adds of
// its own are ignored.
func ParseCallback(rawQuery string) (Callback, error) {
	query, err := url.ParseQuery(rawQuery)
	states, codes := query["state"], query["code"]
	if err != nil || len(states) != 1 || len(codes) > 1 || !validState(states[0]) {
		return Callback{}, ErrBadCallback
	}
	c := Callback{State: states[0]}
	if len(codes) == 1 {
		c.Code = codes[0]
	}
	if len(c.Code) > maxCode {
		return Callback{}, ErrBadCallback
	}
	for i := range len(c.Code) {
		if c.Code[i] <= ' ' || c.Code[i] >= 0x7f {
			return Callback{}, ErrBadCallback
		}
	}
	return c, nil
}

// PassOn is the address to which a site in front of many sends the browser: the
// callback of the site that began, with code and state, or with a refusal's
// state alone.
func (c Callback) PassOn(site Origin, prefix string) string {
	query := "?state=" + url.QueryEscape(c.State)
	if c.Code != "" {
		query = "?code=" + url.QueryEscape(c.Code) + "&state=" + url.QueryEscape(c.State)
	}
	return CallbackURL(site, prefix) + query
}
