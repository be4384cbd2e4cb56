// rate.go: how many logins one client address may try, and how many other
// calls to WeChat one session may cause.

package login

import (
	"net/netip"
	"time"

	"github.com/patrickmn/go-cache"
	"golang.org/x/time/rate"
)

// Rate is a number of attempts in a window. They come back evenly over it.
type Rate struct {
	Attempts int // negative: no limit
	Window   time.Duration
}

// DefaultRate bounds logins where nothing else is configured. Many users share an
// address behind a carrier's NAT, and they all log in when a push message calls
// them; 300 a minute is far above what such a crowd does and far below what a flood
// needs.
var DefaultRate = Rate{Attempts: 300, Window: time.Minute}

// maxAddresses bounds the memory; beyond it all new addresses share one budget until
// old ones are forgotten.
const maxAddresses = 100_000

// sessionCalls bounds the calls to WeChat that one session may cause after its
// login: phone codes, check=wechat and reset=true. A user taps a button for each
// phone code, and a client checks and resets when it starts and ends: none comes
// near this number. Nothing turns it off, as WeChat's quota is everybody's.
var sessionCalls = Rate{Attempts: 20, Window: time.Minute}

// Limits holds the budgets of a configuration.
type Limits struct {
	Logins *Limiter // by client network
	Calls  *Limiter // by session; a table of its own, as neither may fill the other
	Rate   Rate     // of Logins

	// FreeLoopback lets loopback addresses, and what has no address, try as often as
	// they like.
	FreeLoopback bool
}

// Login refuses the login attempts of a network (see Network) that has used up its
// share, or that of the network around it.
func (l *Limits) Login(network string) error {
	if l.Rate.Attempts < 0 || l.FreeLoopback && (network == loopback || network == noAddress) {
		return nil
	}
	wait, ok := l.Logins.take(network, l.Rate)
	if ok {
		if wide := widerNetwork(network); wide != "" {
			wait, ok = l.Logins.take(wide, Rate{Attempts: widerShare * l.Rate.Attempts, Window: l.Rate.Window})
		}
	}
	if !ok {
		return &RateError{wait, "too many login attempts from this address"}
	}
	return nil
}

// sessionData bounds how often one session may show data of WeChat's: each time the
// store may be written.
var sessionData = Rate{Attempts: 60, Window: time.Minute}

// Data refuses a session that has shown data too often.
func (l *Limits) Data(sessionID string) error {
	if wait, ok := l.Calls.take("data "+sessionID, sessionData); !ok {
		return &RateError{wait, "too much data shown for this session"}
	}
	return nil
}

// Call refuses a session that has had WeChat asked too often.
func (l *Limits) Call(sessionID string) error {
	if wait, ok := l.Calls.take(sessionID, sessionCalls); !ok {
		return &RateError{wait, "too many calls to WeChat for this session"}
	}
	return nil
}

// Limiter is a table of budgets. It outlives configurations, so that a reload gives
// nobody a fresh one; the numbers are those of the newest configuration.
type Limiter struct {
	budgets *cache.Cache // of *rate.Limiter
	stop    chan struct{}
}

// NewLimiter returns an empty table. Destruct must follow.
func NewLimiter() *Limiter {
	l := &Limiter{budgets: cache.New(time.Minute, 0), stop: make(chan struct{})}
	go l.forget()
	return l
}

// forget drops budgets that are full again. go-cache's own janitor could not be
// ended with the configuration.
func (l *Limiter) forget() {
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

// Destruct ends the table. It implements caddy.Destructor.
func (l *Limiter) Destruct() error {
	close(l.stop)
	return nil
}

// take takes one attempt from the budget of an address, or tells how long to wait.
func (l *Limiter) take(address string, r Rate) (wait time.Duration, ok bool) {
	window := r.Window
	limit := rate.Limit(float64(r.Attempts) / window.Seconds())
	if _, known := l.budgets.Get(address); !known && l.budgets.ItemCount() >= maxAddresses {
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

// RateError is our own limit, as opposed to WeChat's.
type RateError struct {
	Wait time.Duration // until the next attempt
	text string
}

func (e *RateError) Error() string { return e.text }

// Share is by what a network's calls to WeChat are counted, so that none keeps the
// others waiting; empty counts it with nobody. What stands for all users of a proxy is
// not held to one client's share.
func Share(network string) string {
	if network == loopback || network == noAddress {
		return ""
	}
	return network
}

// loopback stands for this machine: a test, or a proxy here that Caddy was not
// told to trust. By default nobody there is held to a limit, which would be one
// limit for all users of that proxy.
const loopback = "loopback"

// noAddress is a client without an address: one who came through a socket file, which
// is a proxy here, as on loopback.
const noAddress = "no address"

// widerShare is how many times the budget of one IPv6 /64 the /48 around it has. A
// home or a tunnel may have all 65,536 networks of a /48, and so may the telephones of
// a town.
const widerShare = 16

// Network is what a login is counted against: one IPv4 address, or one IPv6 /64. The
// text is the client's address as Caddy has worked it out with trusted_proxies; a
// header by itself is anybody's word. All who have no address are one network.
func Network(text string) string {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return noAddress
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

// widerNetwork is the /48 around an IPv6 network; empty for all others.
func widerNetwork(network string) string {
	prefix, err := netip.ParsePrefix(network)
	if err != nil {
		return ""
	}
	prefix, err = prefix.Addr().Prefix(48)
	if err != nil {
		return ""
	}
	return prefix.String()
}
