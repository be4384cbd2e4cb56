// handler.go: the directive `wechat_health`: whether anybody can log in, for probes.

// Package wechathealth is the directive `wechat_health`: the health of the gateway on
// a listener of the operator's choice.
package wechathealth

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/engine"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
)

func init() {
	caddy.RegisterModule(new(Handler))
	httpcaddyfile.RegisterDirective("wechat_health", parseDirective)
}

// Handler answers whether logins can succeed, for probes that do not reach Caddy's
// admin endpoint: 200 when they can, 503 when they cannot, with a line each for the
// session store and for WeChat. It is the answer of `/wechat/health` of the admin
// endpoint. It needs the app `wechat`, and answers every request that it gets.
//
// The store is probed by a write, WeChat by a call without credentials; WeChat's
// refusal of an app (a wrong AppSecret, an address that is not on the app's list of addresses)
// counts until a login succeeds, or for a minute. All probes together ask once a
// second at most. The lines may name the store's file or address: keep the listener
// to those who may know.
//
// It says nothing about sessions that exist: those are served while WeChat is away.
// A load balancer that takes a gateway out of service for it logs everybody out; it
// fits alerts and readiness, not liveness.
type Handler struct {
	health func(context.Context) engine.Health
	turn   chan struct{} // holds one token: who has it may ask
	last   engine.Health
	when   time.Time
}

const (
	maxAge  = time.Second
	timeout = 5 * time.Second
)

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.wechat_health",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision sets up the handler.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := wechat.Configured(ctx, "wechat_health")
	if err != nil {
		return err
	}
	h.health = app.Engine().Health
	h.turn = make(chan struct{}, 1)
	h.turn <- struct{}{}
	return wechat.CheckInvoked(ctx)
}

// ServeHTTP answers; nothing comes after it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return problem.Problem{
			Status: http.StatusMethodNotAllowed, Code: "invalid_request", Reason: "method",
			Description: "the health is asked by GET or HEAD", Allow: "GET, HEAD",
		}.Write(w)
	}
	health, err := h.ask(r.Context())
	if err != nil {
		return problem.Problem{
			Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", Reason: "health", RetryAfter: maxAge,
			Description: "the store and WeChat are still being asked: ask again",
		}.Write(w)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if !health.OK() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, err = io.WriteString(w, health.String())
	return err
}

// ask returns what was found out within the last second, or finds out. Anybody may
// probe: however many do, the store and WeChat are asked once a second.
func (h *Handler) ask(ctx context.Context) (engine.Health, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case <-h.turn:
	case <-ctx.Done():
		return engine.Health{}, ctx.Err()
	}
	defer func() { h.turn <- struct{}{} }()
	if time.Since(h.when) >= maxAge {
		// others wait for the answer as well: it is not this probe's to cancel
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		h.last = h.health(asking)
		h.when = time.Now()
		cancel()
	}
	return h.last, nil
}

func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive's name: the matcher is looked for behind it
	matcher, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, h.WrapErr(err)
	}
	handler := new(Handler)
	if err := handler.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	return wechat.NewRoute(h, matcher, handler), nil
}

// UnmarshalCaddyfile sets up the handler from the directive. Syntax:
//
//	wechat_health [<matcher>]
func (*Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.Err("wechat_health takes nothing but a matcher, such as  wechat_health /healthz")
	}
	if d.NextBlock(d.Nesting()) {
		return d.Err("wechat_health takes no block")
	}
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)
