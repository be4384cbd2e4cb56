// engine.go: the gateway without Caddy: its parts, built from options.

// Package engine builds the parts of the gateway from options, and owns their
// upkeep. It knows no Caddy: what outlives a configuration (the client, the limits,
// the metrics) and where things are kept is handed to it.
package engine

import (
	"context"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/endpoint"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/keys"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/login"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/observe"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/opendata"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/seal"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/vouch"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Options say how a gateway is to be. All that does not name its default is needed.
type Options struct {
	Apps       apps.List
	APITimeout time.Duration // of an exchange with WeChat
	Lifetime   time.Duration // of a session
	// The longest that any configuration may let a session live.
	MaxLifetime time.Duration
	PerUser     int             // sessions of one user of one app
	Data        opendata.Policy // of open data

	Algorithm   token.Algorithm // that signs tokens
	Issuer      string          // of tokens
	TokenKeys   []*token.Key    // of files; none: keys are kept in Storage
	RotateEvery time.Duration   // of kept keys; 0 is never
	SealFiles   []string        // none: see keys.SealingOptions
	BrowserKeys *seal.Keys      // seal what browsers keep, where the store keeps nothing
	OpenBase    string          // where browsers log in

	Store   session.Store
	Storage certmagic.Storage // of kept keys
	Client  *weixin.Client
	Limits  login.Limits
	Metrics *observe.Metrics
	Logger  *zap.Logger
}

// Engine is the gateway of one configuration.
type Engine struct {
	Apps     apps.List
	Store    session.Store
	Sessions *session.Manager
	Locks    session.Locker // nil: other processes may use the store
	Client   *weixin.Client
	Gate     *gate.Gate
	Signing  *keys.Signing
	Sealing  *keys.Sealing // nil for a store that keeps nothing
	Browser  keys.Sealer   // seals what browsers keep
	Access   *weixin.TokenSource
	Observer *weixin.Observer // of calls to WeChat
	OpenBase string
	Log      *observe.Log
	Metrics  *observe.Metrics

	Endpoints *endpoint.Parts
}

// New builds the parts. It starts nothing; see Maintain.
func New(ctx context.Context, opts Options) (*Engine, error) {
	e := &Engine{
		Apps: opts.Apps, Store: opts.Store, Client: opts.Client, Metrics: opts.Metrics, OpenBase: opts.OpenBase,
		Log: &observe.Log{Logger: opts.Logger, Metrics: opts.Metrics},
	}
	for _, app := range opts.Apps {
		app.Passed = opts.Metrics.Requests.WithLabelValues(app.AppID, "ok")
	}

	sealer, err := e.openSeals(ctx, opts)
	if err != nil {
		return nil, err
	}
	e.Sessions = session.NewManager(&observe.Store{Store: opts.Store, Metrics: opts.Metrics}, session.Options{
		Lifetime: opts.Lifetime, PerUser: opts.PerUser, Sealer: sealer,
		Damaged: func(what string) { opts.Logger.Error("damaged in the session store", zap.String("what", what)) },
	})
	e.Locks, _ = opts.Store.(session.Locker)
	e.Gate = gate.New(e.Sessions, opts.Apps)
	e.Signing, err = keys.NewSigning(ctx, keys.SigningOptions{
		Algorithm: opts.Algorithm, Issuer: opts.Issuer, Files: opts.TokenKeys,
		Lifetime: opts.Lifetime, MaxLifetime: opts.MaxLifetime, RotateEvery: opts.RotateEvery,
		Storage: opts.Storage, Logger: opts.Logger, Use: e.Gate.Use, Follow: e.Gate.Follow,
	})
	if err != nil {
		return nil, err
	}
	e.Gate.FindKey = e.Signing.Find
	e.openDesks(opts)
	return e, nil
}

// openSeals returns how the values of the store are sealed; nil for one that writes
// nothing anywhere.
func (e *Engine) openSeals(ctx context.Context, opts Options) (session.Sealer, error) {
	if _, volatile := opts.Store.(session.Volatile); volatile {
		e.Browser = keys.NewFixedSealing(opts.BrowserKeys).Browser()
		return nil, nil
	}
	sealing, err := keys.NewSealing(ctx, keys.SealingOptions{
		Files: opts.SealFiles, TokenKeys: opts.TokenKeys, Lifetime: opts.Lifetime,
		Storage: opts.Storage, Logger: opts.Logger,
	})
	if err != nil {
		return nil, err
	}
	e.Sealing, e.Browser = sealing, sealing.Browser()
	return sealing.Sealer(), nil
}

func (e *Engine) openDesks(opts Options) {
	observer := &weixin.Observer{Observe: func(call, result string, d time.Duration) {
		opts.Metrics.API.WithLabelValues(call, result).Observe(d.Seconds())
	}}
	e.Access = weixin.NewTokenSource(opts.Client, e.Sessions)
	e.Observer = observer
	logins := &login.Desk{
		Sessions: e.Sessions, Client: opts.Client, Observer: observer, Policy: opts.Data,
		Timeout: opts.APITimeout, Mint: e.Gate.Mint, Limits: opts.Limits, Logger: opts.Logger,
	}
	e.Endpoints = &endpoint.Parts{
		Gate: e.Gate, Login: logins, Sessions: e.Sessions, Log: e.Log,
		PublicKeys: opts.Algorithm != token.HS256,
		Vouch: &vouch.Desk{
			Apps: opts.Apps, Sessions: e.Sessions, Client: opts.Client, Observer: observer,
			Access: e.Access, Policy: opts.Data,
			Timeout: opts.APITimeout, Lifetime: opts.Lifetime, Allow: logins.Limits.Call, AllowData: logins.Limits.Data, Log: e.Log,
		},
	}
}

// Maintain looks after keys and tables until ctx ends.
func (e *Engine) Maintain(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { e.Signing.Maintain(ctx) })
	keys.Each(ctx, keys.UpkeepInterval, func(ctx context.Context) {
		e.Sealing.Upkeep(ctx)
		e.Gate.Sweep(time.Now())
	})
	wg.Wait()
}
