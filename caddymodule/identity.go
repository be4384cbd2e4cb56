// identity.go: who is calling, and the only code that writes X-WeChat-* headers.

package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/opendata"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// The identity headers, in Go's canonical spelling: with another one, other
// directives (request_header, header_up) would neither find nor replace them.
const (
	headerOpenID   = "X-Wechat-Openid"
	headerAppID    = "X-Wechat-Appid"
	headerUnionID  = "X-Wechat-Unionid"
	headerUserInfo = "X-Wechat-Userinfo"
	headerPhone    = "X-Wechat-Phone"
)

// maxIdentityHeader bounds one identity header. What is longer is left out, and
// can be had from GET /wechat/session: backends refuse requests whose headers
// grow, and would do so for every request of that user.
const maxIdentityHeader = 4 << 10

// callerVar is where a handler leaves the caller for a second one on the same
// request (two wechat_auth lines, or one in handle_errors): the first has taken
// the token away by then. Clients cannot set variables of Caddy.
const callerVar = "wechat_auth.caller"

// knownCaller returns who an earlier handler found behind the request.
func knownCaller(r *http.Request) *caller {
	c, _ := caddyhttp.GetVar(r.Context(), callerVar).(*caller)
	return c
}

// caller is a session, prepared for the request path: everything that a request
// needs is worked out once, when the token is first seen. It is never modified.
type caller struct {
	session.Handle                    // a copy, not a pointer: it is looked at on every request
	program        *MiniProgram       // whose user this is
	userInfo       string             // as in the header and the placeholder
	phone          string             // the same
	userID         any                // the openid, boxed once for Replacer.Set
	lookup         caddy.ReplacerFunc // the other placeholders
}

func newCaller(h *session.Handle, program *MiniProgram) *caller {
	c := &caller{Handle: *h, program: program, userID: h.OpenID, userInfo: opendata.HeaderValue(h.UserInfo)}
	if h.Phone != nil {
		c.phone = opendata.Phone(*h.Phone).E164()
	}
	c.lookup = c.placeholder
	return c
}

// identify tells the backend, the other directives and the access log who is
// calling. The headers of any earlier word on that were scrubbed.
func (r cleanRequest) identify(c *caller) {
	headers := [...]struct{ name, value string }{
		{headerOpenID, c.OpenID},
		{headerAppID, c.AppID},
		{headerUnionID, c.UnionID},
		{headerUserInfo, c.userInfo},
		{headerPhone, c.phone},
	}
	// one array for all values; each header gets a slice that cannot grow into
	// its neighbour's, and that only this request may modify
	values := make([]string, len(headers))
	for i, h := range headers {
		if h.value != "" && len(h.value) <= maxIdentityHeader {
			values[i] = h.value
			r.Header[h.name] = values[i : i+1 : i+1]
		}
	}
	caddyhttp.SetVar(r.Context(), callerVar, c)
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("http.auth.user.id", c.userID)
		repl.Map(c.lookup)
	}
}

// placeholder answers {http.auth.user.*} but for "id". A function answers them
// because most requests ask for none, and setting six would cost each request.
func (c *caller) placeholder(key string) (any, bool) {
	const prefix = "http.auth.user."
	if len(key) <= len(prefix) || key[:len(prefix)] != prefix {
		return nil, false
	}
	switch key[len(prefix):] {
	case "openid":
		return c.OpenID, true
	case "appid":
		return c.AppID, true
	case "unionid":
		return c.UnionID, true
	case "session_id":
		return c.ID, true
	case "userinfo":
		return c.userInfo, true
	case "phone":
		return c.phone, true
	}
	return nil, false
}
