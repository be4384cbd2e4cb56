// handler.go: the directive's handler; the way of every request through it.

package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler lets a request through to the site's backend when it carries the
// token of a live session, and tells the backend in request headers who is
// calling. It also serves the login endpoints. It needs the app `wechat`.
//
// Every request that reaches it loses all `X-WeChat-*` and `X-WX-*` headers
// that the client sent, in any spelling, its trailers, and any `Upgrade` but
// WebSocket. For a live session these request headers are then set:
//
// Header | Value | Set when
// -------|-------|---------
// `X-WeChat-OpenID` | the user's openid | always
// `X-WeChat-AppID` | the mini program's AppID | always
// `X-WeChat-UnionID` | the user's unionid | known
// `X-WeChat-UserInfo` | base64url of the user info JSON | verified in this session
// `X-WeChat-Phone` | the phone number, `+8613800000000` | verified in this session
//
// And these placeholders:
//
// Placeholder | Description
// ------------|------------
// `{http.auth.user.id}` | the openid; the access log shows it as `user_id`
// `{http.auth.user.openid}` | the openid
// `{http.auth.user.appid}` | the mini program's AppID
// `{http.auth.user.unionid}` | the unionid, or empty
// `{http.auth.user.session_id}` | names the session; not a credential
// `{http.auth.user.userinfo}` | as in `X-WeChat-UserInfo`, of any length
// `{http.auth.user.phone}` | as in `X-WeChat-Phone`
type Handler struct {
	// Which requests must carry a live session. Default: all. Caddy matches a
	// cleaned path but forwards the raw one, so a path matcher protects less
	// than it seems to; use `public` to let paths in without a session.
	MatcherSetsRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	// Paths that need no session: exact, or a prefix that ends in `/*`. Compared
	// with the decoded path. A request whose path could be read in two ways
	// (backslash, `;`, dot segments, encoded slashes, ...) is never let in by it.
	Public []string `json:"public,omitempty"`

	// The AppIDs of the mini programs whose sessions may enter; `*` is all of
	// them. Default: the configured one. Required when several are configured.
	Apps []string `json:"apps,omitempty"`

	// The path of the login endpoints. Default: `/wechat`
	Prefix string `json:"prefix,omitempty"`

	// The name of a cookie to hand out the token in, and to accept it from,
	// beside `Authorization`; `__Host-` is put before it when it is not there.
	// For web pages: then requests to the endpoints from a foreign origin are
	// refused. Default: none.
	Cookie string `json:"cookie,omitempty"`

	// Leave the token on the request for the backend. Default: false, it is removed.
	ForwardToken bool `json:"forward_token,omitempty"`

	matchers caddyhttp.MatcherSets
	public   publicPaths
	accepted []*MiniProgram
	app      *App
	auth     authenticator
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.wechat_auth",
		New: func() caddy.Module { return new(Handler) },
	}
}

const defaultPrefix = "/wechat"

// Provision sets up the handler.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := ctx.AppIfConfigured("wechat")
	if err != nil {
		if errors.Is(err, caddy.ErrNotConfigured) {
			return errors.New("wechat_auth needs a mini program: add the global option  wechat { app <appid> <secret> }")
		}
		return err
	}
	h.app = app.(*App)
	h.auth = h.app

	if h.accepted, err = h.app.choose(h.Apps); err != nil {
		return err
	}
	if h.public, err = newPublicPaths(h.Public); err != nil {
		return err
	}
	if h.Prefix == "" {
		h.Prefix = defaultPrefix
	}
	if err := checkPrefix(h.Prefix); err != nil {
		return err
	}
	if h.Cookie != "" {
		if h.Cookie, err = cookieName(h.Cookie); err != nil {
			return err
		}
	}
	sets, err := ctx.LoadModule(h, "MatcherSetsRaw")
	if err != nil {
		return fmt.Errorf("loading matchers: %v", err)
	}
	return h.matchers.FromInterface(sets)
}

func checkPrefix(prefix string) error {
	if !strings.HasPrefix(prefix, "/") || len(prefix) < 2 || strings.HasSuffix(prefix, "/") ||
		strings.ContainsAny(prefix, "*%{}") || strings.Contains(prefix, "//") || !plainPath(prefix) {
		return fmt.Errorf("prefix %q must be a plain path such as /wechat, without a slash at its end", prefix)
	}
	return nil
}

// ServeHTTP scrubs, then serves an endpoint, or checks and passes on.
// next is called for a checked session, or on the site's own word that this
// request needs none; everything else has returned by then.
func (h *Handler) ServeHTTP(w http.ResponseWriter, req *http.Request, next caddyhttp.Handler) error {
	r := scrub(req)

	if name, ok := h.belowPrefix(r.URL.Path); ok {
		return h.serveEndpoint(w, r, name)
	}
	if tunnels(r.Request) {
		p := problem{
			status: http.StatusMethodNotAllowed, Code: "invalid_request", reason: "method",
			Description: "this method is not passed on", allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
		}
		return p.refuse(w, r)
	}

	creds := h.credentials(r.Request)
	c, err := h.identifyCaller(r.Request, creds)
	if err != nil {
		protected, matchErr := h.protects(r.Request)
		if matchErr != nil {
			return matchErr
		}
		// a store that cannot answer has not said that nobody is logged in
		if protected || !isAnonymous(err) {
			p := classify(err)
			h.app.metrics.requests.WithLabelValues("", p.reason).Inc()
			h.app.logRefusal(r.Request, "gate", p, err)
			return p.refuse(w, r)
		}
	}

	h.removeCredentials(r, creds)
	if c == nil {
		// this line does not ask who it is; an earlier one may have found out
		c = knownCaller(r.Request)
	}
	if c == nil {
		h.app.metrics.requests.WithLabelValues("", "anonymous").Inc()
		return next.ServeHTTP(w, r.Request)
	}
	r.identify(c)
	c.program.passed.Inc()
	if r.websocket {
		return h.serveWebSocket(w, r.Request, next, c)
	}
	return next.ServeHTTP(w, r.Request)
}

// protects reports whether the request must carry a session.
func (h *Handler) protects(r *http.Request) (bool, error) {
	matches, err := h.matchers.AnyMatchWithError(r)
	if err != nil {
		return true, err
	}
	return matches && !h.public.match(r.URL), nil
}

// isAnonymous reports whether err means that nobody is logged in, rather than
// that this could not be found out or must not be.
func isAnonymous(err error) bool {
	return errors.Is(err, errNoToken) || errors.Is(err, token.ErrInvalid) || errors.Is(err, session.ErrNotFound) ||
		errors.Is(err, errOtherApp) || errors.Is(err, errConflict) || errors.Is(err, errOrigin)
}

// Interface guards
var (
	_ caddy.Module                = (*Handler)(nil)
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
