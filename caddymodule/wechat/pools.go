// pools.go: what outlives a configuration, and what Cleanup gives back.

package wechat

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/login"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/observe"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/seal"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

var (
	// A reload must not close connections that are in use, forget that WeChat is
	// down, or let twice the calls through.
	clients = caddy.NewUsagePool()

	// Each configuration has a registry of its own, but a counter that starts anew at
	// each reload counts nothing.
	metricsPool = caddy.NewUsagePool()

	// A reload must not make worthless what browsers keep, where nothing else keeps the
	// keys for it.
	browserKeys = caddy.NewUsagePool()

	// A reload must not give anybody a fresh budget.
	limiters = caddy.NewUsagePool()
)

// The entries of the pools.
const (
	metricsKey      = "metrics"
	browserKey      = "browser"
	limiterKey      = "logins"
	callsLimiterKey = "calls"
)

// take gets a value from a pool, and notes that Cleanup must give it back.
func (a *App) take(pool *caddy.UsagePool, key string, construct caddy.Constructor) (any, error) {
	pooled, _, err := pool.LoadOrNew(key, construct)
	if err != nil {
		return nil, err
	}
	a.taken = append(a.taken, func() error {
		_, err := pool.Delete(key)
		return err
	})
	return pooled, nil
}

// pooledClient makes a WeChat client fit for a usage pool.
type pooledClient struct{ *weixin.Client }

// Destruct ends the client when no configuration uses it any more.
func (c pooledClient) Destruct() error { return c.Close() }

func (a *App) takeClient() (*weixin.Client, error) {
	base := a.apiBase
	if base == "" {
		base = weixin.DefaultBaseURL
	}
	if _, err := weixin.ParseBaseURL(base, a.APIBaseInsecure); err != nil {
		return nil, fmt.Errorf("api_base: %v", err)
	}
	if a.APIBaseInsecure {
		a.logger.Warn("api_base is insecure: the AppSecret goes over the network in the clear; this is for a simulator only")
	}
	pooled, err := a.take(clients, base, func() (caddy.Destructor, error) {
		c, err := weixin.New(weixin.Options{BaseURL: base, Insecure: a.APIBaseInsecure})
		return pooledClient{c}, err
	})
	if err != nil {
		return nil, fmt.Errorf("api_base: %v", err)
	}
	return pooled.(pooledClient).Client, nil
}

func (a *App) takeLimits() (login.Limits, error) {
	limits := login.Limits{Rate: a.LoginRate.rate(), FreeLoopback: a.LoginRate.unset}
	for key, limiter := range map[string]**login.Limiter{limiterKey: &limits.Logins, callsLimiterKey: &limits.Calls} {
		pooled, err := a.take(limiters, key, func() (caddy.Destructor, error) { return login.NewLimiter(), nil })
		if err != nil {
			return limits, err
		}
		*limiter = pooled.(*login.Limiter)
	}
	return limits, nil
}

func (a *App) takeMetrics() (*observe.Metrics, error) {
	pooled, err := a.take(metricsPool, metricsKey, func() (caddy.Destructor, error) { return observe.NewMetrics(), nil })
	if err != nil {
		return nil, err
	}
	return pooled.(*observe.Metrics), nil
}

// pooledKeys makes seal keys fit for a usage pool.
type pooledKeys struct{ *seal.Keys }

// Destruct implements caddy.Destructor; there is nothing to free.
func (pooledKeys) Destruct() error { return nil }

// takeBrowserKeys returns keys that live as long as this process has an app.
func (a *App) takeBrowserKeys() (*seal.Keys, error) {
	pooled, err := a.take(browserKeys, browserKey, func() (caddy.Destructor, error) {
		secret := make([]byte, 32)
		rand.Read(secret)
		keys, err := seal.NewKeys(secret)
		return pooledKeys{keys}, err
	})
	if err != nil {
		return nil, err
	}
	return pooled.(pooledKeys).Keys, nil
}

// showMetrics puts the process's collectors into the registry of this configuration.
func (a *App) showMetrics(ctx caddy.Context) error {
	registry := ctx.GetMetricsRegistry()
	sessions := observe.SessionCollector{Store: a.engine.Store, Apps: a.apps}
	for _, collector := range append(a.engine.Metrics.Collectors(), prometheus.Collector(sessions)) {
		if err := registry.Register(collector); err != nil && !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
			return fmt.Errorf("registering metrics: %v", err)
		}
	}
	return nil
}
