// relay.go: what a relay is made of, and the way of one call through it.

package relay

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/oneshot"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

// Tokens are the access_tokens of the apps; *weixin.TokenSource is one.
type Tokens interface {
	// Token returns the app's access_token.
	Token(ctx context.Context, app weixin.App, o *weixin.Observer) (string, error)
	// Renew returns another one than failed, which WeChat has called dead, renewed
	// once for all who ask.
	Renew(ctx context.Context, app weixin.App, failed string, o *weixin.Observer) (string, error)
}

// Options configure a Relay. Base, Apps, Tokens and Keys are required.
type Options struct {
	// Where WeChat's API is; see weixin.ParseBaseURL.
	Base *url.URL
	// Whose API is relayed. With one, callers need not name it; with several they must.
	Apps   []weixin.App
	Tokens Tokens
	// By which callers prove themselves, at least MinKey bytes each. All are good.
	Keys []string
	// What may be called: paths, or prefixes that end in /*; compared without case and
	// trailing slash. Empty: all but what is never relayed, which no entry allows.
	Allow []string
	// How long a call may take, from its first to its last byte. Default: 30s.
	Timeout time.Duration
	// How many calls may be under way at once; more are refused. Default: 256.
	MaxConcurrent int

	// Hears of each call: the AppID, empty when none was made out, and a Result.
	Observe func(appid string, result Result)
	// Hears of the calls that fetch access_tokens. May be nil.
	Observer *weixin.Observer
	// One line for each call: debug when WeChat was content, or was not asked because
	// of what the call says; info when WeChat was not content, or the key was wrong;
	// louder when WeChat could not be asked. Default: none.
	Logger *zap.Logger

	// Test seams.
	rootCAs *x509.CertPool
	now     func() time.Time
}

// Relay is an http.Handler. It is safe for concurrent use.
type Relay struct {
	base      *url.URL
	apps      map[string]weixin.App
	only      string // the AppID, when there is just one
	tokens    Tokens
	keys      *keys
	allow     []rule
	timeout   time.Duration
	places    chan struct{}
	transport *http.Transport

	observe  func(string, Result)
	observer *weixin.Observer
	logger   *zap.Logger
}

// New builds a relay. It asks nobody. The error names the option, never a key.
func New(o Options) (*Relay, error) {
	if o.Base == nil || o.Tokens == nil || len(o.Apps) == 0 {
		return nil, errors.New("relay: Base, Tokens and Apps are required")
	}
	if o.now == nil {
		o.now = time.Now
	}
	keys, err := newKeys(o.Keys, o.now)
	if err != nil {
		return nil, err
	}
	allow, err := parseAllow(o.Allow)
	if err != nil {
		return nil, err
	}
	if o.Timeout < 0 || o.MaxConcurrent < 0 {
		return nil, errors.New("timeout must not be negative")
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.MaxConcurrent == 0 {
		o.MaxConcurrent = 256
	}
	if o.Observe == nil {
		o.Observe = func(string, Result) {}
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	r := &Relay{
		base: o.Base, apps: make(map[string]weixin.App, len(o.Apps)), tokens: o.Tokens,
		keys: keys, allow: allow, timeout: o.Timeout, places: make(chan struct{}, o.MaxConcurrent),
		transport: oneshot.NewTransport(o.Base, oneshot.Options{MaxIdle: min(o.MaxConcurrent, 64), RootCAs: o.rootCAs}),
		observe:   o.Observe, observer: o.Observer, logger: o.Logger,
	}
	for _, app := range o.Apps {
		r.apps[app.ID] = app
		r.only = app.ID
	}
	if len(r.apps) > 1 {
		r.only = ""
	}
	return r, nil
}

// Close closes idle connections. Calls under way finish.
func (r *Relay) Close() error {
	r.transport.CloseIdleConnections()
	return nil
}

// ServeHTTP relays one call, or answers it in WeChat's place, or refuses it. It panics
// in one case and with http.ErrAbortHandler, as httputil.ReverseProxy does: when
// WeChat's answer breaks off after its beginning was passed on, an aborted connection
// is the one way to let the caller see it.
func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	c := &call{relay: r, w: w, req: req, start: time.Now()}
	err := c.serve()
	c.finish(err)
	if errors.Is(err, errBroken) {
		panic(http.ErrAbortHandler)
	}
}

// call is one request on its way.
type call struct {
	relay *Relay
	w     http.ResponseWriter
	req   *http.Request
	start time.Time

	path    string // of a form that may be logged; empty until it was looked at
	app     weixin.App
	status  int // that the caller saw
	verdict verdict
}

// serve answers the call. What it could not pass on is a *problem, still unanswered,
// or errBroken.
func (c *call) serve() error {
	r, req := c.relay, c.req
	// A page in a browser: its user has a session, but the relay is for backends.
	if len(req.Header["Origin"]) > 0 || len(req.Header["Sec-Fetch-Site"]) > 0 {
		return refuse(http.StatusForbidden, "access_denied", ResultDenied, "this is for backends: pages in a browser must not call it")
	}
	if req.Method != http.MethodGet && req.Method != http.MethodPost {
		p := refuse(http.StatusMethodNotAllowed, "invalid_request", ResultInvalid, "the methods are GET and POST")
		p.allow = "GET, POST"
		return p
	}
	path, err := cleanPath(req.URL)
	if err != nil {
		return err
	}
	c.path = path
	folded := fold(path)
	if folded == tokenPath || folded == stableTokenPath {
		return c.handOutToken(folded)
	}
	rest, tokens, err := cleanQuery(req.URL.RawQuery)
	if err != nil {
		return err
	}
	bound, err := r.keys.caller(req.Context(), req.Header["Authorization"], tokens)
	if err != nil {
		return err
	}
	if neverRelayed(folded) {
		return refuse(http.StatusForbidden, "access_denied", ResultDenied, "this path is never relayed: it gives or takes away credentials")
	}
	if !allowed(r.allow, folded) {
		return refuse(http.StatusForbidden, "access_denied", ResultDenied, "the relay does not allow this path")
	}
	if err := c.findApp(bound); err != nil {
		return err
	}
	select {
	case r.places <- struct{}{}:
		defer func() { <-r.places }()
	default:
		return unavailable(ResultOverloaded, "the relay has too many calls under way")
	}
	return c.relayOn(rest)
}

// findApp finds out whose API is called; bound is the AppID that a token is for.
func (c *call) findApp(bound string) error {
	r := c.relay
	named := c.req.Header["X-Wechat-Appid"]
	appID := r.only
	switch {
	case bound != "":
		appID = bound
	case len(named) > 0:
		appID = named[0]
	}
	if appID == "" {
		return invalid("several apps are relayed here: name one in X-WeChat-AppID")
	}
	app, ok := r.apps[appID]
	if !ok && bound != "" {
		return badToken() // of an app that the relay served when it made the token
	}
	if !ok || len(named) > 1 || len(named) == 1 && named[0] != appID {
		return invalid("X-WeChat-AppID names another app than this relay or its token is for")
	}
	c.app = app
	return nil
}
