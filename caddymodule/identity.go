// identity.go: who is calling, and the only code that writes X-WeChat-* headers.

package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"

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

// callerKey is the name under which a handler leaves the caller for a second one on
// the same request (two wechat_auth lines, or one in handle_errors): the first has
// taken the token away by then. It is among the placeholders, where no client can
// put anything. No placeholder in braces can name it, as a brace ends it; templates
// and expressions can, and get an empty text: see String.
const callerKey = "}wechat_auth.caller"

// knownCaller returns who an earlier handler found behind the request.
func knownCaller(r *http.Request) *caller {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return nil
	}
	value, _ := repl.Get(callerKey)
	c, _ := value.(*caller)
	return c
}

// caller is a session, prepared for the request path: everything that a request
// needs is worked out once, when the token is first seen. Nothing in it changes
// but that its session ends.
//
// With a million users the wait for memory is most of what the gate costs. So all
// that each request reads lies together, in two cache lines of 64 bytes: the first
// to find the caller and see that he is live, the second to tell of him. The
// session itself, which few requests look at, is behind a pointer.
type caller struct {
	end          tokenEnd // see tokenName
	session.Kept          // in here, for the same reason
	program      *MiniProgram
	lookup       caddy.ReplacerFunc // the placeholders

	openID   string
	unionID  string
	userInfo string // as in the header and the placeholder
	phone    string // the same
}

// newCaller prepares a session. Until session.Handle.Keep is told of its Kept, the
// caller is not alive.
func newCaller(n tokenName, s *session.Session, program *MiniProgram) *caller {
	c := &caller{
		end: n.end, program: program,
		openID: s.OpenID, unionID: s.UnionID, userInfo: opendata.HeaderValue(s.UserInfo),
	}
	if s.Phone != nil {
		c.phone = opendata.Phone(*s.Phone).E164()
	}
	c.Session = s
	c.lookup = c.placeholder
	return c
}

// String is empty, so that whatever prints a caller shows nothing of him.
func (c *caller) String() string { return "" }

// is reports whether the caller's token has this name, given that the hash is the
// same already. It asks for something of the second cache line as well, so that the
// processor waits for both at once.
func (c *caller) is(n *tokenName) bool { return c.end == n.end && c.openID != "" }

// identify tells the backend, and all others, who is calling. The headers of any
// earlier word on that were scrubbed.
func (r cleanRequest) identify(c *caller) {
	headers := [...]struct{ name, value string }{
		{headerOpenID, c.openID},
		{headerAppID, c.program.AppID},
		{headerUnionID, c.unionID},
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
	introduce(r.Request, c)
}

// introduce tells the other directives and the access log who is calling.
func introduce(r *http.Request, c *caller) {
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		// what another directive set would be found first
		repl.Delete("http.auth.user.id")
		repl.Map(c.lookup)
	}
}

// placeholder answers {http.auth.user.*}, and knownCaller. A function does because
// most requests ask for none, and setting seven would cost each request.
func (c *caller) placeholder(key string) (any, bool) {
	const prefix = "http.auth.user."
	if key == callerKey {
		return c, true
	}
	if len(key) <= len(prefix) || key[:len(prefix)] != prefix {
		return nil, false
	}
	switch key[len(prefix):] {
	case "id", "openid":
		return c.openID, true
	case "appid":
		return c.program.AppID, true
	case "unionid":
		return c.unionID, true
	case "session_id":
		return c.ID, true
	case "userinfo":
		return c.userInfo, true
	case "phone":
		return c.phone, true
	}
	return nil, false
}
