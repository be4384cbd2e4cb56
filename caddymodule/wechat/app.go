// app.go: the app `wechat`: its configuration and its life.

// Package wechat is Caddy's app `wechat`: the global option, what all directives of
// the gateway share, the admin endpoint's /wechat/ and the command `caddy wechat`.
// The work is done by package engine, which it configures.
package wechat

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/engine"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/opendata"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/version"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

func init() { caddy.RegisterModule(new(App)) }

// App holds what the `wechat_auth` handlers of all sites share: the mini
// programs, the client of WeChat's API, the signing keys and the session store.
//
// Every text may be written as a placeholder, `{env.NAME}` or
// `{file./path}`; it is resolved when the configuration is loaded. One that
// resolves to nothing is an error.
type App struct {
	// The apps of WeChat whose users may log in. At least one.
	Apps []*Program `json:"apps,omitempty"`

	// Where WeChat's API is. https, or http on a loopback address (the
	// simulator). Default: `https://api.weixin.qq.com`
	APIBase string `json:"api_base,omitempty"`

	// Takes http for `api_base` on a host that is not loopback: a simulator in a
	// container. The AppSecret goes over it in the clear. Default: false
	APIBaseInsecure bool `json:"api_base_insecure,omitempty"`

	// Where browsers go to log in. https, or http on a loopback address (the
	// simulator). Default: `https://open.weixin.qq.com`
	OpenBase string `json:"open_base,omitempty"`

	// How long the whole exchange of a code with WeChat may take, waiting for a
	// free connection included. Default: 5s
	APITimeout caddy.Duration `json:"api_timeout,omitempty"`

	// How long a login lasts. At least 1s, at most 366 days. Default: 24h
	SessionLifetime caddy.Duration `json:"session_lifetime,omitempty"`

	// How many sessions one user of one app may have at a time; the oldest ends
	// when there would be one more. Default: 10
	SessionsPerUser int `json:"sessions_per_user,omitempty"`

	// The oldest accepted watermark of encrypted data; 0 accepts any age.
	// Default: 10m
	DataMaxAge *caddy.Duration `json:"data_max_age,omitempty"`

	// How many logins one client address may try. Default: 300 in a minute, and
	// any number from loopback addresses.
	LoginRate *LoginRate `json:"login_rate,omitempty"`

	// How tokens are signed.
	Token *TokenConfig `json:"token,omitempty"`

	// Where sessions are kept. Default: `local`, a file on disk
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=wechat.stores inline_key=store"`

	// Files with keys that seal what the store keeps: the first seals, all open.
	// At least 32 random bytes each, as hex, base64 or raw. Not for the store
	// `memory`, which keeps nothing. Default: derived from the token's key files,
	// or, without those, a key is made once and kept in Caddy's storage.
	SealKeyFiles []string `json:"seal_key_files,omitempty"`

	// Upstreams of `reverse_proxy` that are meant to be reached without `wechat_auth`,
	// too, as they are written there. Of others the log warns when a configuration is
	// loaded: one that is behind the gate on one route and open on another, or before
	// it in a route. Default: none
	Unguarded []string `json:"unguarded,omitempty"`

	// Where the Caddyfile has options that are judged when the configuration is loaded
	// (key files, the store, placeholders), set by the Caddyfile adapter, for errors
	// about them.
	Lines Lines `json:"caddyfile_lines,omitempty"`

	// What was resolved stays out of the fields above: they may be shown.

	logger    *zap.Logger
	apiBase   string
	openBase  string
	apps      apps.List
	sealFiles []string
	taken     []func() error // gives back what was taken from pools
	engine    *engine.Engine
	ctx       caddy.Context
	asserter  *gate.Asserter               // once a directive asked for it
	starting  []func(*caddyhttp.App) error // see OnStart
	stop      context.CancelFunc
	stopped   chan struct{}
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "wechat",
		New: func() caddy.Module { return new(App) },
	}
}

// Engine is the gateway of this configuration, for its directives.
func (a *App) Engine() *engine.Engine { return a.engine }

const (
	defaultOpenBase        = "https://open.weixin.qq.com"
	defaultAPITimeout      = caddy.Duration(5 * time.Second)
	defaultSessionLifetime = caddy.Duration(24 * time.Hour)
	minSessionLifetime     = caddy.Duration(time.Second)
	maxSessionLifetime     = caddy.Duration(366 * 24 * time.Hour)
	defaultSessionsPerUser = 10
	defaultDataMaxAge      = caddy.Duration(10 * time.Minute)
)

// Provision checks the configuration and sets the app up. Nothing is shared
// with the world until Start; what was taken from a pool, Cleanup gives back.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger, a.ctx = ctx.Logger(), ctx
	if err := a.resolve(); err != nil {
		return a.Lines.atNamed(err)
	}
	metrics, err := a.takeMetrics()
	if err != nil {
		return err
	}
	limits, err := a.takeLimits()
	if err != nil {
		return err
	}
	client, err := a.takeClient()
	if err != nil {
		return err
	}
	browser, err := a.takeBrowserKeys()
	if err != nil {
		return err
	}
	store, err := a.loadStore(ctx)
	if err != nil {
		return err
	}
	tokenKeys, err := a.Token.loadFiles()
	if err != nil {
		return a.Lines.atNamed(err)
	}
	a.engine, err = engine.New(ctx, engine.Options{
		Apps: a.apps, APITimeout: time.Duration(a.APITimeout),
		Lifetime: time.Duration(a.SessionLifetime), MaxLifetime: time.Duration(maxSessionLifetime),
		PerUser: a.SessionsPerUser, Data: opendata.Policy{MaxAge: time.Duration(*a.DataMaxAge)},
		Algorithm: a.Token.algorithm, Issuer: a.Token.issuer, TokenKeys: tokenKeys,
		RotateEvery: time.Duration(a.Token.RotateEvery), SealFiles: a.sealFiles, BrowserKeys: browser, OpenBase: a.openBase,
		Store: store, Storage: ctx.Storage(), Client: client, Limits: limits, Metrics: metrics, Logger: a.logger,
	})
	if err != nil {
		return a.Lines.atNamed(err)
	}
	return a.showMetrics(ctx)
}

// resolve replaces placeholders, fills in defaults and refuses what cannot be meant.
func (a *App) resolve() error {
	if err := a.resolvePrograms(); err != nil {
		return err
	}
	var err error
	if a.apiBase, err = option.ResolveText("api_base", a.APIBase); err != nil {
		return err
	}
	if a.openBase, err = option.ResolveText("open_base", cmp.Or(a.OpenBase, defaultOpenBase)); err != nil {
		return err
	}
	if err := checkOpenBase(a.openBase); err != nil {
		return err
	}
	if a.APITimeout == 0 {
		a.APITimeout = defaultAPITimeout
	}
	if a.SessionLifetime == 0 {
		a.SessionLifetime = defaultSessionLifetime
	}
	if a.SessionsPerUser == 0 {
		a.SessionsPerUser = defaultSessionsPerUser
	}
	if a.DataMaxAge == nil {
		a.DataMaxAge = new(defaultDataMaxAge)
	}
	if err := errors.Join(checkAPITimeout(a.APITimeout), checkLifetime(a.SessionLifetime), checkPerUser(a.SessionsPerUser), checkDataMaxAge(*a.DataMaxAge)); err != nil {
		return err
	}
	if a.LoginRate == nil {
		a.LoginRate = &LoginRate{unset: true}
	}
	if err := a.LoginRate.resolve(); err != nil {
		return err
	}
	for _, path := range a.SealKeyFiles {
		if path, err = option.ResolvePath("seal_key_file", path); err != nil {
			return err
		}
		a.sealFiles = append(a.sealFiles, path)
	}
	if a.Token == nil {
		a.Token = new(TokenConfig)
	}
	return a.Token.resolve()
}

// The rules of the options, for the Caddyfile and for JSON.

func checkAPITimeout(d caddy.Duration) error {
	if d <= 0 {
		return errors.New("api_timeout must be positive")
	}
	return nil
}

func checkOpenBase(base string) error {
	// a code comes back by way of it; the rules are those of api_base
	if _, err := weixin.ParseBaseURL(base, false); err != nil {
		return errors.New("open_base is https:// and a host, or http:// and a loopback host (the simulator), without query or fragment")
	}
	return nil
}

func checkLifetime(d caddy.Duration) error {
	if d < minSessionLifetime || d > maxSessionLifetime {
		return errors.New("session_lifetime must be at least 1s and at most 366 days")
	}
	return nil
}

func checkPerUser(n int) error {
	if n < 1 {
		return errors.New("sessions_per_user must be at least 1")
	}
	return nil
}

func checkDataMaxAge(d caddy.Duration) error {
	if d < 0 {
		return errors.New("data_max_age must not be negative; 0 accepts any age")
	}
	return nil
}

// starter is what a store may implement that must not touch, while it is being
// provisioned, what a running gateway uses: Caddy provisions configurations that
// it only validates, too. Start is called once, when the configuration is about
// to run; an error keeps it from being loaded. Requests may come before it, as
// Caddy starts apps in any order.
type starter interface{ Start() error }

// Start has the store start, and begins the upkeep. It tells the log what an operator
// should know of the configuration.
func (a *App) Start() error {
	a.logger.Info("WeChat login gateway", zap.String("version", version.String()), zap.String("store", storeName(a.engine.Store)))
	if err := a.checkServers(); err != nil {
		return err
	}
	if store, ok := a.engine.Store.(starter); ok {
		if err := store.Start(); err != nil {
			return a.Lines.at("store", err)
		}
	}
	a.tellStoreChange()
	if err := a.tellOpenings(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.stop, a.stopped = cancel, make(chan struct{})
	go func() {
		defer close(a.stopped)
		a.engine.Maintain(ctx)
	}()
	return nil
}

// Stop ends the upkeep. Requests that are still on their way are served.
func (a *App) Stop() error {
	if a.stop != nil {
		a.stop()
		<-a.stopped
	}
	return nil
}

// Cleanup gives back what Provision took. Caddy calls it after a failed
// Provision, too.
func (a *App) Cleanup() error {
	a.tellValidated()
	var errs []error
	for _, giveBack := range a.taken {
		errs = append(errs, giveBack())
	}
	a.taken = nil
	return errors.Join(errs...)
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
