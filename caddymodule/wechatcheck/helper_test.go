package wechatcheck_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/engine"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechatcheck"
)

const otherAppID = "wxfedcba9876543210"

// gateway is an app without servers.
type gateway struct {
	*engine.Engine
	ctx caddy.Context
}

func newGateway(tb testing.TB, changes gatewaytest.Object) *gateway {
	tb.Helper()
	config := gatewaytest.Object{
		"store": gatewaytest.Object{"store": "memory"}, "token": gatewaytest.Object{"algorithm": "EdDSA"},
		"apps": []any{
			gatewaytest.Program(gatewaytest.AppID, gatewaytest.AppSecret), gatewaytest.Program(otherAppID, gatewaytest.AppSecret),
		},
	}
	for name, value := range changes {
		config[name] = value
	}
	ctx, app := gatewaytest.Provision(tb, gatewaytest.App(config))
	return &gateway{app.Engine(), ctx}
}

// check is a handler of the gateway's, alone in its server.
func (g *gateway) check(tb testing.TB, config gatewaytest.Object) *wechatcheck.Handler {
	tb.Helper()
	if config["apps"] == nil {
		config["apps"] = []any{gatewaytest.AppID}
	}
	config["handler"] = "wechat_check"
	raw, err := json.Marshal(config)
	if err != nil {
		tb.Fatal(err)
	}
	server := &caddyhttp.Server{Routes: caddyhttp.RouteList{{HandlersRaw: []json.RawMessage{raw}}}}
	ctx := g.ctx
	ctx.Context = context.WithValue(ctx.Context, caddyhttp.ServerCtxKey, server)
	delete(config, "handler")
	return gatewaytest.Load[*wechatcheck.Handler](tb, ctx, "http.handlers.wechat_check", config)
}

// logIn starts a session without WeChat.
func (g *gateway) logIn(tb testing.TB, id session.Identity) (*session.Session, string) {
	tb.Helper()
	if id.AppID == "" {
		id.AppID = gatewaytest.AppID
	}
	id.SessionKey = "tiihtNczf5v6AKRyjwEUhQ=="
	s, err := g.Sessions.Login(context.Background(), id)
	if err != nil {
		tb.Fatal(err)
	}
	text, err := g.Gate.Mint(s)
	if err != nil {
		tb.Fatal(err)
	}
	return s, text
}

// ask sends a request through the handler as Caddy does. next fails the test.
func ask(tb testing.TB, h *wechatcheck.Handler, r *http.Request) *http.Response {
	tb.Helper()
	w := httptest.NewRecorder()
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, new(caddyhttp.Server))
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		tb.Error("the check handed a request on")
		return nil
	})
	if err := h.ServeHTTP(w, r, next); err != nil {
		tb.Errorf("the check left the answer to Caddy: %v", err)
	}
	return w.Result()
}

func bearer(token string) http.Header {
	h := make(http.Header)
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	return h
}
