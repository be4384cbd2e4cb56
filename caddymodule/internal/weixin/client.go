// client.go: what lives as long as a base URL is configured, and how it is built.

package weixin

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/oneshot"
)

// DefaultBaseURL is WeChat's nearest API host.
const DefaultBaseURL = "https://api.weixin.qq.com"

// Options configure a Client. The zero value is usable.
type Options struct {
	// Where WeChat's API is: https, or http when the host is loopback (a simulator).
	// A path is put before the API paths. User info, query and fragment are
	// refused. Default: DefaultBaseURL.
	BaseURL string
	// Allow http to a host that is not loopback: a simulator in another container. App
	// secrets then go over the network in the clear.
	Insecure bool
	// How many calls may be on the wire at once. Default: 64.
	MaxConcurrent int
	// How many calls may wait for their turn; more are shed. Default: 1024.
	// Negative: none wait.
	MaxQueue int
	// Test seams: when to stop asking a WeChat that does not answer, trusted roots,
	// egress proxy.
	breaker breakerOptions
	rootCAs *x509.CertPool
	proxy   func(*http.Request) (*url.URL, error)
}

// App is an application of any kind as WeChat knows it.
type App struct {
	// The AppID, for example wx4f4bc4dec97d474b.
	ID string
	// The AppSecret.
	Secret Secret
}

// Client calls WeChat's API. It is safe for concurrent use and is meant to be kept
// across configuration reloads, pooled by its base URL: it holds connections, the
// queue and the breakers, and nothing of a configuration.
type Client struct {
	base      *url.URL
	transport *http.Transport
	gate      *gate

	// One breaker per group of calls, for all apps: a storm of -1 or a dead line
	// concerns every app, and what concerns one app alone (a wrong secret, an
	// unlisted IP) is an errcode and no failure. The groups are apart so that a
	// broken phone API does not stop logins.
	exchange, token, use *breaker

	// life ends with Close and bounds the token fetches that outlive their callers.
	life context.Context
	end  context.CancelFunc

	refusals refusals
}

// New builds a client. It opens no connection. The error tells what is wrong with
// the options and never repeats the URL, which may hold a password.
func New(o Options) (*Client, error) {
	base, err := ParseBaseURL(o.BaseURL, o.Insecure)
	if err != nil {
		return nil, err
	}
	if o.MaxConcurrent < 0 {
		return nil, errors.New("weixin: MaxConcurrent is negative")
	}
	if o.MaxConcurrent == 0 {
		o.MaxConcurrent = 64
	}
	switch {
	case o.MaxQueue == 0:
		o.MaxQueue = 1024
	case o.MaxQueue < 0:
		o.MaxQueue = 0
	}
	if o.breaker, err = o.breaker.withDefaults(); err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.Background())
	return &Client{
		base:      base,
		transport: oneshot.NewTransport(base, oneshot.Options{MaxIdle: min(o.MaxConcurrent, 64), RootCAs: o.rootCAs, Proxy: o.proxy}),
		gate:      newGate(o.MaxConcurrent, o.MaxQueue),
		exchange:  newBreaker(o.breaker),
		token:     newBreaker(o.breaker),
		use:       newBreaker(o.breaker),
		life:      life,
		refusals:  refusals{apps: make(map[string]refusal)},
		end:       end,
	}, nil
}

// Close ends background token fetches and closes idle connections. Calls on the wire
// finish. It is safe to call more than once.
func (c *Client) Close() error {
	c.end()
	c.transport.CloseIdleConnections()
	return nil
}

// ParseBaseURL reads where WeChat's API is, as Options says; "" is DefaultBaseURL. The
// error tells what is wrong and never repeats the URL, which may hold a password.
func ParseBaseURL(raw string, insecure bool) (*url.URL, error) {
	if raw == "" {
		raw = DefaultBaseURL
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("the base URL cannot be parsed: write https:// (or http:// for a simulator on this machine) and a host")
	case u.User != nil:
		return nil, errors.New("the base URL must not hold user info")
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("the base URL must name a host")
	case u.RawQuery != "" || u.ForceQuery:
		return nil, errors.New("the base URL must not have a query")
	case strings.Contains(raw, "#"):
		return nil, errors.New("the base URL must not have a fragment")
	case u.Scheme == "http" && !insecure && !oneshot.Loopback(u.Hostname()):
		return nil, errors.New("the base URL must be https, because the app secret goes over it; http is for loopback hosts, or, for a simulator in a container, with the word insecure behind it")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the base URL must begin with https://")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}, nil
}

// guarded makes one call in one place of the queue, asking the group's breaker.
func (c *Client) guarded(ctx context.Context, b *breaker, call Call, network string, o *Observer, do func(context.Context) error) (err error) {
	start := time.Now()
	defer func() { o.done(call, start, err) }()
	slot, err := c.acquire(ctx, b, call, network)
	if err != nil {
		return err
	}
	defer slot.Release()
	return slot.run(ctx, do)
}
