// caller.go: the session behind a request, prepared for the request path.

package gate

import (
	"slices"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/opendata"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Caller is a session, prepared for the request path: everything that a request
// needs is worked out once, when the token is first seen. Nothing in it changes
// except that its session ends.
//
// With a million users the wait for memory is most of what the gate costs. So all
// that each request reads lies together, in two cache lines of 64 bytes: the first
// to find the caller and check that the session is live, the second holds what is
// passed on. The session itself, which few requests look at, is behind a pointer.
type Caller struct {
	end          tokenEnd // see tokenName
	session.Kept          // in here, for the same reason
	App          *apps.App
	Lookup       func(key string) (any, bool) // the placeholders; see placeholder

	openID   string
	unionID  string
	userInfo string // as in the header and the placeholder
	phone    string // the same
}

// newCaller prepares a session, whose token the key of that kid verified. Until
// session.Handle.Keep is told of its Kept, the caller is not alive.
func newCaller(n tokenName, s *session.Session, app *apps.App, kid string) *Caller {
	c := &Caller{
		end: n.end, App: app,
		openID: s.OpenID, unionID: s.UnionID, userInfo: opendata.HeaderValue(s.UserInfo),
	}
	if s.Phone != nil {
		c.phone = opendata.Phone(*s.Phone).E164()
	}
	c.Session = s
	c.Lookup = func(key string) (any, bool) {
		if key == kidKey { // in here, as there is no room for it in two cache lines
			return kid, true
		}
		return c.placeholder(key)
	}
	return c
}

// kidKey is the name, as odd as CallerKey, under which Lookup tells the kid.
const kidKey = "}wechat_auth.kid"

// kid names the key that verified the caller's token.
func (c *Caller) kid() string {
	if c.Lookup == nil {
		return ""
	}
	kid, _ := c.Lookup(kidKey)
	text, _ := kid.(string)
	return text
}

// String is empty, so that whatever prints a caller shows nothing of them.
func (c *Caller) String() string { return "" }

// is reports whether the caller's token has this name, given that the hash is the
// same already. It asks for something of the second cache line as well, so that the
// processor waits for both at once.
func (c *Caller) is(n *tokenName) bool { return c.end == n.end && c.openID != "" }

// CallerKey is the name under which a handler leaves the caller for a second one on
// the same request (two wechat_auth lines, or one in handle_errors): the first has
// taken the token away by then. It is among the placeholders, where no client can
// put anything. No placeholder in braces can name it, as a brace ends it; templates
// and expressions can, and get an empty text: see String.
const CallerKey = "}wechat_auth.caller"

// userPlaceholders begins the placeholders about the caller.
const userPlaceholders = "http.auth.user."

// UserPlaceholders are the placeholders about the caller, without braces.
var UserPlaceholders = [...]string{
	userPlaceholders + "id", userPlaceholders + "openid", userPlaceholders + "appid", userPlaceholders + "unionid",
	userPlaceholders + "session_id", userPlaceholders + "userinfo", userPlaceholders + "phone",
}

// NobodysPlaceholder answers UserPlaceholders for a request that has nobody behind it:
// they are empty.
func NobodysPlaceholder(key string) (any, bool) {
	return "", slices.Contains(UserPlaceholders[:], key)
}

// placeholder answers {http.auth.user.*}, and CallerKey. A function does because
// most requests ask for none, and setting seven would cost each request.
func (c *Caller) placeholder(key string) (any, bool) {
	if key == CallerKey {
		return c, true
	}
	if len(key) <= len(userPlaceholders) || key[:len(userPlaceholders)] != userPlaceholders {
		return nil, false
	}
	switch key[len(userPlaceholders):] {
	case "id", "openid":
		return c.openID, true
	case "appid":
		return c.App.AppID, true
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
