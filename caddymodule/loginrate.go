// loginrate.go: how many logins one client address may try, and how many other
// calls to WeChat one session may cause.

package caddymodule

import (
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/patrickmn/go-cache"
	"golang.org/x/time/rate"
)

// LoginRate bounds the login attempts of one client address: of one IPv4
// address, or one IPv6 /64, as Caddy's `client_ip` tells it. An attempt costs a
// call to WeChat and a mark in the store, and anybody may make one.
type LoginRate struct {
	// How many attempts one address has in each window; they come back evenly
	// over the window. Negative: no limit. Default: 300
	Attempts int `json:"attempts,omitempty"`

	// The window. Default: 1m
	Window caddy.Duration `json:"window,omitempty"`

	unset bool // nothing was configured
}

// Many users share an address behind a carrier's NAT, and they all log in when a
// push message calls them; 300 a minute is far above what such a crowd does and
// far below what a flood needs.
const (
	defaultLoginAttempts = 300
	defaultLoginWindow   = caddy.Duration(time.Minute)

	// maxLoginAddresses bounds the memory; beyond it all new addresses share one
	// budget until old ones are forgotten.
	maxLoginAddresses = 100_000
)

// sessionCalls bounds the calls to WeChat that one session may cause after its
// login: phone codes, check=wechat and reset=true. A user taps a button for each
// phone code, and a client checks and resets when it starts and ends: none comes
// near this number. Nothing turns it off, as WeChat's quota is everybody's.
var sessionCalls = LoginRate{Attempts: 20, Window: caddy.Duration(time.Minute)}

func (r *LoginRate) resolve() error {
	if r.Attempts == 0 {
		r.Attempts = defaultLoginAttempts
	}
	if r.Window == 0 {
		r.Window = defaultLoginWindow
	}
	if r.Window < caddy.Duration(time.Second) || r.Window > caddy.Duration(24*time.Hour) {
		return errors.New("login_rate: the window must be at least 1s and at most 24h")
	}
	return nil
}

// loginLimiter holds the budgets, by address or by session id. It lives in a pool, so that a reload gives
// nobody a fresh one; the numbers are those of the newest configuration.
type loginLimiter struct {
	budgets *cache.Cache // of *rate.Limiter
	stop    chan struct{}
}

// limiters outlive a configuration: see loginLimiter.
var limiters = caddy.NewUsagePool()

// The two tables of budgets: neither can fill the other.
const (
	limiterKey      = "logins"
	callsLimiterKey = "calls"
)

func newLoginLimiter() *loginLimiter {
	l := &loginLimiter{budgets: cache.New(time.Minute, 0), stop: make(chan struct{})}
	go l.forget()
	return l
}

// forget drops budgets that are full again. go-cache's own janitor could not be
// ended with the configuration.
func (l *loginLimiter) forget() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
			l.budgets.DeleteExpired()
		}
	}
}

// Destruct implements caddy.Destructor.
func (l *loginLimiter) Destruct() error {
	close(l.stop)
	return nil
}

// take takes one attempt from the budget of an address, or tells how long to wait.
func (l *loginLimiter) take(address string, r LoginRate) (wait time.Duration, ok bool) {
	window := time.Duration(r.Window)
	limit := rate.Limit(float64(r.Attempts) / window.Seconds())
	if _, known := l.budgets.Get(address); !known && l.budgets.ItemCount() >= maxLoginAddresses {
		address = "others"
	}
	budget := rate.NewLimiter(limit, r.Attempts)
	for l.budgets.Add(address, budget, window) != nil {
		if found, ok := l.budgets.Get(address); ok {
			budget = found.(*rate.Limiter)
			break
		}
	}
	// one that was not asked for during a window is full again, and may go
	l.budgets.Set(address, budget, window)
	if budget.Limit() != limit || budget.Burst() != r.Attempts { // a new configuration
		budget.SetLimit(limit)
		budget.SetBurst(r.Attempts)
	}
	reservation := budget.Reserve()
	if wait = reservation.Delay(); wait > 0 {
		reservation.Cancel()
		return wait, false
	}
	return 0, true
}

func (a *App) provisionLoginRate(caddy.Context) (err error) {
	if a.limiter, err = a.pooledLimiter(limiterKey); err != nil {
		return err
	}
	a.calls, err = a.pooledLimiter(callsLimiterKey)
	return err
}

func (a *App) pooledLimiter(key string) (*loginLimiter, error) {
	pooled, _, err := limiters.LoadOrNew(key, func() (caddy.Destructor, error) { return newLoginLimiter(), nil })
	if err != nil {
		return nil, err
	}
	a.release(limiters, key)
	return pooled.(*loginLimiter), nil
}

// allowLogin refuses the login attempts of an address that has used up its share.
func (a *App) allowLogin(r *http.Request) error {
	network := clientNetwork(r)
	if a.LoginRate.Attempts < 0 || a.LoginRate.unset && network == loopback {
		return nil
	}
	if wait, ok := a.limiter.take(network, *a.LoginRate); !ok {
		return &rateError{wait, "too many login attempts from this address"}
	}
	return nil
}

// allowCall refuses a session that has had WeChat asked too often.
func (a *App) allowCall(sessionID string) error {
	if wait, ok := a.calls.take(sessionID, sessionCalls); !ok {
		return &rateError{wait, "too many calls to WeChat for this session"}
	}
	return nil
}

// rateError is our own limit, as opposed to WeChat's.
type rateError struct {
	wait time.Duration
	text string
}

func (e *rateError) Error() string { return e.text }

// loopback stands for this machine: a test, or a proxy here that Caddy was not
// told to trust. By default nobody there is held to a limit, which would be one
// limit for all users of that proxy.
const loopback = "loopback"

// clientNetwork is whom a login is counted against. Caddy has worked out the
// client's address with trusted_proxies; a header by itself is anybody's word.
// What cannot be read shares one budget, and so relaxes nothing.
func clientNetwork(r *http.Request) string {
	text, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	address, err := netip.ParseAddr(text)
	if err != nil {
		return "unknown"
	}
	address = address.Unmap().WithZone("")
	if address.IsLoopback() {
		return loopback
	}
	if address.Is6() {
		if prefix, err := address.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return address.String()
}
