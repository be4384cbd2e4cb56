// handler.go: the directive's handler: WeChat's API for backends, without its secrets.

// Package wechatapi is the directive `wechat_api`: it relays api.weixin.qq.com for
// backends, which hold no AppSecret and no access_token.
package wechatapi

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/relay"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler relays WeChat's API: `GET` and `POST` requests go to the same path of
// `api_base`, with the app's access_token, and the answers come back as they are. A
// caller sends `Authorization: Bearer <key>`, and names the app, where several are
// configured, in `X-WeChat-AppID`.
//
// SDKs need nothing but another base URL: the token endpoints are answered here, to
// callers that give a key as the app's secret, with a token of the relay's own. It is
// worth nothing at WeChat.
//
// What gives or takes away credentials or quota is never relayed, and nothing that WeChat
// may have taken is sent again. Put it on a listener of its own that only backends reach;
// pages in browsers are refused. It needs the app `wechat`.
type Handler struct {
	// Secrets by which callers prove themselves; at least one, each of 16 characters or
	// more. Write them as `{env.NAME}` or `{file./path}`.
	Keys []string `json:"keys,omitempty"`

	// As `secret_digest` of an app, for each of the keys.
	KeyDigests []string `json:"key_digests,omitempty"`

	// Where the Caddyfile has the keys, for errors about them; set by the adapter where
	// one of them is a placeholder.
	KeyLine string `json:"caddyfile_line,omitempty"`

	// The AppID of the app whose API it is, of kind `mini` or `official`. Default: the
	// only one of these kinds; with several, the caller says it.
	AppID string `json:"app,omitempty"`

	// The paths that are relayed: exact, or a prefix that ends in `/*`. Default: all but
	// what is never relayed.
	Allow []string `json:"allow,omitempty"`

	// How long a call may take, from its first byte to WeChat to the first byte back.
	// Default: 30s
	Timeout caddy.Duration `json:"timeout,omitempty"`

	relay *relay.Relay
}

// CaddyModule returns the Caddy module information.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.wechat_api",
		New: func() caddy.Module { return new(Handler) },
	}
}

const defaultTimeout = caddy.Duration(30 * time.Second)

var errNoKey = errors.New("wechat_api needs a key by which callers prove themselves: add  key <secret>  with at least 16 characters, such as  openssl rand -hex 32  makes")

// Provision sets up the handler.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := wechat.Configured(ctx, "wechat_api")
	if err != nil {
		return err
	}
	if len(h.Keys) == 0 {
		return errNoKey
	}
	keys := make([]string, len(h.Keys))
	for i, written := range h.Keys {
		if keys[i], err = option.ResolveText("wechat_api key", written); err != nil {
			if h.KeyLine != "" {
				err = fmt.Errorf("%w, at %s", err, h.KeyLine)
			}
			return err
		}
		if i < len(h.KeyDigests) {
			if err := option.CheckDigest("key", written, keys[i], h.KeyDigests[i]); err != nil {
				return err
			}
		}
	}
	list, err := app.APIApps(h.AppID)
	if err != nil {
		return err
	}
	programs := make([]weixin.App, len(list))
	for i, one := range list {
		programs[i] = one.Credentials
	}
	if h.Timeout == 0 {
		h.Timeout = defaultTimeout
	}
	if h.Timeout < 0 {
		return errors.New("timeout must be positive")
	}
	e := app.Engine()
	h.relay, err = relay.New(relay.Options{
		Base: app.APIURL(), Apps: programs, Tokens: e.Access, Keys: keys, Allow: h.Allow,
		Timeout: time.Duration(h.Timeout), Observer: e.Observer, Logger: ctx.Logger(),
		Observe: func(appid string, result relay.Result) {
			e.Metrics.Relayed.WithLabelValues(appid, string(result)).Inc()
		},
	})
	if err != nil {
		return fmt.Errorf("wechat_api: %w", err)
	}
	return wechat.CheckInvoked(ctx)
}

// Cleanup closes idle connections. Calls that are on their way are served.
func (h *Handler) Cleanup() error {
	if h.relay == nil {
		return nil
	}
	h.relay.Close()
	return nil
}

// ServeHTTP relays a call. Nothing that follows sees it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	// SDKs put keys and tokens into queries; the relay writes a line of its own
	caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, true)
	h.relay.ServeHTTP(w, r)
	return nil
}

// Interface guards
var (
	_ caddy.Module                = (*Handler)(nil)
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
