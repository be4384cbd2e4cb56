// handler.go: the directive's handler: one answer to every request.

// Package wechatcheck is the directive `wechat_check`: the door at which another proxy
// asks who is behind a request that it has got. The directive answers every request on
// its listener by the credential, the session and its own options, and by nothing that
// a proxy or its client says about the request: no path, query, method, host, origin
// or forwarded header matters.
//
// It never reads a body, sets no cookie, and says 200, 401, 403 or 503.
package wechatcheck

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/engine"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler answers the checks of other proxies: nginx `auth_request`, Traefik
// ForwardAuth, Envoy `ext_authz` (HTTP), HAProxy, APISIX, Higress, and Caddy's own
// `forward_auth`. It needs the app `wechat`, and a server of its own, in which every
// request comes to it: a matcher, a host, another route or another server on its
// addresses is an error at load, because Caddy answers an empty 200 where nothing
// matches, and a proxy takes that for a yes.
//
// It answers every method and every path, by the token alone:
//
// Status | Meaning
// -------|--------
// 200 | a live session; or, with `optional`, no token at all. The body is empty. Every identity header of the dialects is there, empty where there is no value, so that a proxy which copies them replaces those of a client
// 401 | no token, or one that names no live session of an accepted app
// 403 | the user may not enter
// 503 | it could not be found out; `Retry-After` says when to ask again
//
// Refusals have `X-WeChat-Error` with the code that their JSON body has as `error`.
type Handler struct {
	// The AppIDs of the apps whose sessions may enter; `*` is all of
	// them. Default: the configured one. Required when several are configured.
	Apps []string `json:"apps,omitempty"`

	// Let requests without a token through, as nobody's: 200 with every identity header
	// empty. A bad token is still 401. Default: false
	Optional bool `json:"optional,omitempty"`

	// The name of a cookie to take the token from, beside `Authorization`; `__Host-` is
	// put before it when it is not there. The name is that of the site where users log
	// in. Default: none.
	Cookie string `json:"cookie,omitempty"`

	// In which headers the answer tells of a caller: `wechat` (`X-WeChat-OpenID`,
	// `X-WeChat-AppID`, `X-WeChat-UnionID`, `X-WeChat-UserInfo`, `X-WeChat-Phone`), or
	// `cloudrun` (`X-WX-OPENID`, `X-WX-APPID`, `X-WX-UNIONID`, `X-WX-SOURCE`), or both.
	// Default: `wechat`
	Headers []string `json:"headers,omitempty"`

	// Also answer with `X-WeChat-Assertion`: a JWT, good for a minute, by which the
	// backend can prove for itself who is calling. It needs an audience, as the host of
	// a check says nothing, and an asymmetric `token` algorithm.
	Assertion *wechat.Assertion `json:"assertion,omitempty"`

	// Where the Caddyfile has the directive, for errors about its place; set by the
	// adapter.
	Line string `json:"caddyfile_line,omitempty"`

	engine *engine.Engine
	rules  gate.Rules
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.wechat_check",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision sets up the handler.
func (h *Handler) Provision(ctx caddy.Context) error {
	if err := h.checkReached(ctx); err != nil {
		return err
	}
	app, err := wechat.Configured(ctx, "wechat_check")
	if err != nil {
		return err
	}
	server := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	app.OnStart(func(http *caddyhttp.App) error { return h.checkAlone(http, server) })

	h.engine = app.Engine()
	h.rules = gate.Rules{Auth: h.engine.Gate}
	if h.rules.Apps, err = app.Choose(h.Apps); err != nil {
		return err
	}
	if h.rules.Dialects, err = gate.ParseDialects(h.Headers); err != nil {
		return err
	}
	if h.Cookie != "" {
		if h.Cookie, err = gate.CookieName(h.Cookie); err != nil {
			return err
		}
		h.rules.Cookie = h.Cookie
	}
	return h.provisionAssertion(app)
}

func (h *Handler) provisionAssertion(app *wechat.App) (err error) {
	if h.Assertion == nil {
		return nil
	}
	if h.rules.Audience, err = option.ResolveText("assertion", h.Assertion.Audience); err != nil {
		return err
	}
	if h.rules.Audience == "" {
		return errNoAudience
	}
	if err := wechat.CheckAudience(h.rules.Audience); err != nil {
		return err
	}
	h.rules.Asserter, err = app.Asserter()
	return err
}

var errNoAudience = errors.New("assertion takes one audience here: what your backend compares the claim aud with")

// ServeHTTP answers. There is no next: what another handler would say is not a check.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if r.ContentLength != 0 {
		// Go would wait for the body before it answers
		_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/2 and 3 are, and may not know it
	}
	creds := h.rules.Credentials(r.Header)
	// only the credentials: nothing else of a check is the client's request
	c, err := h.rules.Identify(r.Context(), new(gate.Asked), &creds)
	if err != nil && !(h.Optional && errors.Is(err, gate.ErrNoToken)) {
		return h.refuse(w, r, err)
	}
	answer := gate.Answer{Caller: c, Dialects: h.rules.Dialects, Asserts: h.rules.Asserter != nil}
	if c != nil {
		if answer.Assertion, err = h.rules.Assert(c, ""); err != nil {
			return h.refuse(w, r, err)
		}
		c.App.Passed.Inc()
	} else {
		h.engine.Metrics.Requests.WithLabelValues("", "anonymous").Inc()
	}
	// With Caddy's Server these are eight, which is as many as fit in a map that has not
	// grown yet. net/http adds Content-Length: 0.
	answer.Write(w.Header(),
		[2]string{"Cache-Control", "no-store"},
		[2]string{"X-Envoy-Auth-Headers-To-Remove", "authorization"},
	)
	w.WriteHeader(http.StatusOK)
	return nil
}

// refuse says why the request may not go on, as JSON and, for proxies that drop the
// body, in a header.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) error {
	p := problem.Classify(err)
	h.engine.Metrics.Requests.WithLabelValues("", p.Reason).Inc()
	h.engine.Log.Refusal(r, "check", p, err)
	w.Header()["X-Wechat-Error"] = []string{p.Code}
	return p.Write(w)
}

// Interface guards
var (
	_ caddy.Module                = (*Handler)(nil)
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
