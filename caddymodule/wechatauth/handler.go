// handler.go: the directive's handler; the way of every request through it.

// Package wechatauth is the directive `wechat_auth`: the gate before a site's backend,
// and the login endpoints of the site.
package wechatauth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/endpoint"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/engine"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weblogin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
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
// `X-WeChat-AppID` | the app's AppID | always
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
// `{http.auth.user.appid}` | the app's AppID
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

	// The AppIDs of the apps whose sessions may enter; `*` is all of
	// them. Default: the configured one. Required when several are configured.
	Apps []string `json:"apps,omitempty"`

	// The path of the login endpoints. Default: `/wechat`
	Prefix string `json:"prefix,omitempty"`

	// The name of a cookie to hand out the token in, and to accept it from,
	// beside `Authorization`; `__Host-` is put before it when it is not there.
	// For web pages: what the cookie alone identifies may then change nothing, and open
	// no WebSocket, from a page of another origin. Default: none.
	Cookie string `json:"cookie,omitempty"`

	// Logins by redirect: pages inside WeChat, QR codes, web-views. It implies a cookie.
	// Default: none.
	WebLogin *WebLogin `json:"web_login,omitempty"`

	// Other origins whose pages may call this site from a browser: their preflights pass,
	// and they can read the endpoints' answers and the gate's refusals. A named one, such
	// as `https://shop.example.com`, may use the cookie; `*` is every origin, by token
	// alone. Default: none.
	TrustedOrigins []string `json:"trusted_origins,omitempty"`

	// Leave the token on the request for the backend. Default: false, it is removed.
	ForwardToken bool `json:"forward_token,omitempty"`

	// In which headers the backend is told of a caller: `wechat`, the table above, or
	// `cloudrun`: `X-WX-OPENID`, `X-WX-APPID`, `X-WX-UNIONID` and `X-WX-SOURCE`, as
	// WeChat Cloud Run sets them; or both. Default: `wechat`
	Headers []string `json:"headers,omitempty"`

	// Also send `X-WeChat-Assertion`: a JWT, good for a minute, by which the backend
	// can prove for itself who is calling. Its key is at `<prefix>/jwks.json`.
	// It needs an asymmetric `token` algorithm. Default: none.
	Assertion *wechat.Assertion `json:"assertion,omitempty"`

	matchers caddyhttp.MatcherSets
	engine   *engine.Engine
	rules    gate.Rules
	site     endpoint.Site
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
	app, err := wechat.Configured(ctx, "wechat_auth")
	if err != nil {
		return err
	}
	h.engine = app.Engine()

	h.rules = gate.Rules{Auth: h.engine.Gate, ForwardToken: h.ForwardToken}
	if h.rules.Apps, err = app.Choose(h.Apps); err != nil {
		return err
	}
	if h.rules.Public, err = gate.NewPublicPaths(h.Public); err != nil {
		return err
	}
	if h.Prefix == "" {
		h.Prefix = defaultPrefix
	}
	if err := checkPrefix(h.Prefix); err != nil {
		return err
	}
	if h.WebLogin != nil && h.Cookie == "" {
		h.Cookie = gate.DefaultCookie
	}
	if h.Cookie != "" {
		if h.Cookie, err = gate.CookieName(h.Cookie); err != nil {
			return err
		}
		h.rules.Cookie = h.Cookie
	}
	if h.rules.Trusted, err = weblogin.ParseTrustedOrigins(h.TrustedOrigins...); err != nil {
		return err
	}
	if h.rules.Dialects, err = gate.ParseDialects(h.Headers); err != nil {
		return err
	}
	if err := h.provisionAssertion(ctx, app); err != nil {
		return err
	}
	h.site = endpoint.Site{Parts: h.engine.Endpoints, Rules: &h.rules, Prefix: h.Prefix, Server: server{}}
	if h.WebLogin != nil {
		if h.site.Web, err = h.WebLogin.provision(h.engine, h.rules.Apps); err != nil {
			return err
		}
		h.rules.LoginCookies = weblogin.CookiePrefix
	}
	sets, err := ctx.LoadModule(h, "MatcherSetsRaw")
	if err != nil {
		return fmt.Errorf("loading matchers: %v", err)
	}
	if err := h.matchers.FromInterface(sets); err != nil {
		return err
	}
	if err := h.guardErrorRoutes(ctx); err != nil {
		return err
	}
	return wechat.CheckInvoked(ctx)
}

func checkPrefix(prefix string) error {
	if !strings.HasPrefix(prefix, "/") { // not what: it may be a secret
		return errors.New("prefix must be a plain path such as /wechat, without a slash at its end")
	}
	if len(prefix) < 2 || strings.HasSuffix(prefix, "/") ||
		strings.ContainsAny(prefix, "*%{}") || strings.Contains(prefix, "//") || !gate.PlainPath(prefix) {
		return fmt.Errorf("prefix %q must be a plain path such as /wechat, without a slash at its end", prefix)
	}
	return nil
}

// ServeHTTP sees to it that an error which leaves the gate takes nothing along that error
// routes may not have; see passage.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	var p passage
	err := h.serve(w, r, next, &p)
	if err != nil {
		h.leave(r, p)
	}
	return err
}

// serve scrubs, then serves an endpoint, or checks and passes on.
// next is called for a checked session, or on the site's own word that this
// request needs none; everything else has returned by then.
func (h *Handler) serve(w http.ResponseWriter, req *http.Request, next caddyhttp.Handler, p *passage) error {
	r := gate.Scrub(req)

	if name, ok := h.site.Below(r.URL.Path); ok && knownPush(r.Request) == nil {
		return h.site.Serve(w, r, name)
	}
	if gate.Tunnels(r.Request) {
		return methodRefusal.Write(w)
	}

	earlier, absent, push := earlierWord(r.Request)
	if push != nil {
		r.IdentifyPush(push) // scrub took what an earlier wechat_push had said
		return next.ServeHTTP(w, r.Request)
	}
	creds := h.rules.Credentials(r.Header)
	if h.site.TrustsPreflight(r.Request) {
		// a browser sends it without credentials, and whom its page may ask for is the
		// backend's to say
		h.rules.Remove(&creds, r.Header)
		p.passed = true
		introduceNobody(r.Request, nil)
		return next.ServeHTTP(w, r.Request)
	}
	asked := gate.Describe(r, earlier)
	c, err := h.rules.Identify(r.Context(), &asked, &creds)
	if err != nil {
		protected, matchErr := h.protects(r.Request)
		if matchErr != nil {
			return matchErr
		}
		// a store that cannot answer has not said that nobody is logged in
		if protected || !gate.IsAnonymous(err) {
			if absent != nil && absent.refused != nil && errors.Is(err, gate.ErrNoToken) {
				err = absent.refused // the credential went with that refusal
			}
			p.refused = err
			if gate.IsAnonymous(err) && h.site.Redirects(r) {
				h.site.Redirect(w, r)
				return nil
			}
			return h.refuse(w, r, err)
		}
		// nothing was found here; an earlier wechat_auth line may have identified the caller
		c = earlier
	}

	h.rules.Remove(&creds, r.Header)
	p.passed = true
	if c == nil {
		h.engine.Metrics.Requests.WithLabelValues("", "anonymous").Inc()
		introduceNobody(r.Request, nil)
		return next.ServeHTTP(w, r.Request)
	}
	assertion, err := h.rules.Assert(c, r.Host)
	if err != nil {
		p.refused = err
		return h.refuse(w, r, err)
	}
	p.caller = c
	r.Identify(c, h.rules.Dialects, assertion)
	introduce(r.Request, c)
	c.App.Passed.Inc()
	if r.Lasting {
		return h.serveLasting(w, r.Request, next, p)
	}
	return next.ServeHTTP(w, r.Request)
}

// protects reports whether the request must carry a session.
func (h *Handler) protects(r *http.Request) (bool, error) {
	matches, err := h.matchers.AnyMatchWithError(r)
	if err != nil {
		return true, err
	}
	return matches && !h.rules.IsPublic(r.URL), nil
}

// Interface guards
var (
	_ caddy.Module                = (*Handler)(nil)
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
