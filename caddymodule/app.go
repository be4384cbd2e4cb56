// app.go: the app `wechat`: its configuration, and what outlives a request.

package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/seal"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func init() { caddy.RegisterModule(new(App)) }

// App holds what the `wechat_auth` handlers of all sites share: the mini
// programs, the client of WeChat's API, the signing keys and the session store.
//
// Every text may be written as a placeholder, `{env.NAME}` or
// `{file./path}`; it is resolved when the configuration is loaded. One that
// resolves to nothing is an error.
type App struct {
	// The mini programs whose users may log in. At least one.
	Apps []*MiniProgram `json:"apps,omitempty"`

	// Where WeChat's API is. https, or http on a loopback address (the
	// simulator). Default: `https://api.weixin.qq.com`
	APIBase string `json:"api_base,omitempty"`

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

	// What was resolved stays out of the fields above: they may be shown.

	logger   *zap.Logger
	apiBase  string
	taken    []func() error // gives back what was taken from pools
	metrics  *metrics
	client   *weixin.Client
	observer *weixin.Observer
	access   *weixin.TokenSource
	vault    *token.Vault // nil with key files
	tokens   atomic.Pointer[verifier]
	store    session.Store
	seals    *seal.Vault // nil with key files of either kind, and for a store that keeps nothing
	sessions *session.Manager
	limiter  *loginLimiter // of logins, by address
	calls    *loginLimiter // of other calls to WeChat, by session
	stop     context.CancelFunc
	stopped  chan struct{}
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "wechat",
		New: func() caddy.Module { return new(App) },
	}
}

const (
	defaultAPITimeout      = caddy.Duration(5 * time.Second)
	defaultSessionLifetime = caddy.Duration(24 * time.Hour)
	minSessionLifetime     = caddy.Duration(time.Second)
	maxSessionLifetime     = caddy.Duration(366 * 24 * time.Hour)
	defaultSessionsPerUser = 10
	defaultDataMaxAge      = caddy.Duration(10 * time.Minute)
	defaultStore           = `{"store":"local"}`
)

// clients outlive a configuration: a reload must not close connections that are
// in use, forget that WeChat is down, or let twice the calls through.
var clients = caddy.NewUsagePool()

// Provision checks the configuration and sets the app up. Nothing is shared
// with the world until Start; what was taken from a pool, Cleanup gives back.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	if err := a.resolve(); err != nil {
		return err
	}
	for _, provision := range []func(caddy.Context) error{
		a.provisionMetrics, a.provisionLoginRate, a.provisionClient, a.provisionStore, a.provisionTokens,
	} {
		if err := provision(ctx); err != nil {
			return err
		}
	}
	return nil
}

// resolve replaces placeholders, fills in defaults and refuses what cannot be meant.
func (a *App) resolve() error {
	if len(a.Apps) == 0 {
		return errors.New("no mini program is configured: add  app <appid> <secret>")
	}
	seen := make(map[string]bool)
	for _, app := range a.Apps {
		if err := app.resolve(); err != nil {
			return err
		}
		// the digits' case does not make another mini program
		if seen[strings.ToLower(app.AppID)] {
			return fmt.Errorf("app %s is configured twice", app.AppID)
		}
		seen[strings.ToLower(app.AppID)] = true
	}

	var err error
	if a.apiBase, err = resolveText("api_base", a.APIBase); err != nil {
		return err
	}
	if a.APITimeout == 0 {
		a.APITimeout = defaultAPITimeout
	}
	if a.APITimeout < 0 {
		return errors.New("api_timeout must be positive")
	}
	if a.SessionLifetime == 0 {
		a.SessionLifetime = defaultSessionLifetime
	}
	if a.SessionLifetime < minSessionLifetime || a.SessionLifetime > maxSessionLifetime {
		return errors.New("session_lifetime must be at least 1s and at most 366 days")
	}
	if a.SessionsPerUser == 0 {
		a.SessionsPerUser = defaultSessionsPerUser
	}
	if a.SessionsPerUser < 0 {
		return errors.New("sessions_per_user must be at least 1")
	}
	if a.DataMaxAge == nil {
		a.DataMaxAge = new(defaultDataMaxAge)
	}
	if *a.DataMaxAge < 0 {
		return errors.New("data_max_age must not be negative")
	}
	if a.LoginRate == nil {
		a.LoginRate = &LoginRate{unset: true}
	}
	if err := a.LoginRate.resolve(); err != nil {
		return err
	}
	if a.Token == nil {
		a.Token = new(TokenConfig)
	}
	return a.Token.resolve()
}

// pooledClient makes a WeChat client fit for a usage pool.
type pooledClient struct{ *weixin.Client }

// Destruct ends the client when no configuration uses it any more.
func (c pooledClient) Destruct() error { return c.Close() }

func (a *App) provisionClient(caddy.Context) error {
	base := a.apiBase
	if base == "" {
		base = weixin.DefaultBaseURL
	}
	pooled, _, err := clients.LoadOrNew(base, func() (caddy.Destructor, error) {
		c, err := weixin.New(weixin.Options{BaseURL: base})
		return pooledClient{c}, err
	})
	if err != nil {
		return fmt.Errorf("api_base: %v", err)
	}
	a.release(clients, base)
	a.client = pooled.(pooledClient).Client
	a.observer = &weixin.Observer{Observe: func(call, result string, d time.Duration) {
		a.metrics.api.WithLabelValues(call, result).Observe(d.Seconds())
	}}
	return nil
}

func (a *App) provisionStore(ctx caddy.Context) error {
	if a.StoreRaw == nil {
		a.StoreRaw = json.RawMessage(defaultStore)
	}
	mod, err := ctx.LoadModule(a, "StoreRaw")
	if err != nil {
		return fmt.Errorf("loading the session store: %v", err)
	}
	store, ok := mod.(session.Store)
	if !ok {
		return fmt.Errorf("module %T is no session store", mod)
	}
	a.store = store
	sealer, err := a.provisionSealing(ctx, store)
	if err != nil {
		return err
	}
	a.sessions = session.NewManager(&measuredStore{Store: store, metrics: a.metrics}, session.Options{
		Lifetime: time.Duration(a.SessionLifetime),
		PerUser:  a.SessionsPerUser,
		Sealer:   sealer,
	})
	a.access = weixin.NewTokenSource(a.client, a.sessions)
	return nil
}

// starter is what a store may implement that must not touch, while it is being
// provisioned, what a running gateway uses: Caddy provisions configurations that
// it only validates, too. Start is called once, when the configuration is about
// to run; an error keeps it from being loaded. Requests may come before it, as
// Caddy starts apps in any order.
type starter interface{ Start() error }

// Start has the store start, and begins the upkeep.
func (a *App) Start() error {
	if store, ok := a.store.(starter); ok {
		if err := store.Start(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.stop, a.stopped = cancel, make(chan struct{})
	go func() {
		defer close(a.stopped)
		a.maintain(ctx)
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
	var errs []error
	for _, giveBack := range a.taken {
		errs = append(errs, giveBack())
	}
	a.taken = nil
	return errors.Join(errs...)
}

// release notes that Cleanup must give back a value that was taken from a pool.
func (a *App) release(pool *caddy.UsagePool, key string) {
	a.taken = append(a.taken, func() error {
		_, err := pool.Delete(key)
		return err
	})
}

// Interface guards
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
	_ authenticator      = (*App)(nil)
)
