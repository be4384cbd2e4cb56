// slot.go: the code exchange in two steps, a slot first and then the one request.

package weixin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Slot is the right to make one code exchange. Release it after the exchange and not
// during it.
type Slot struct {
	client   *Client
	observer *Observer
	call     Call
	network  string
	// tell reports to the breaker, the first time only: a slot whose call ran has
	// spoken, one released unused must free its probe without a verdict.
	tell    func(error)
	waited  time.Duration
	used    atomic.Bool
	release sync.Once
}

// Acquire waits for the right to exchange one code, by the call that will do it:
// CallCode2Session for the code of a mini program, CallOAuthToken for that of any
// other app. network names who asks, for example "203.0.113.0/24": one network can
// hold a quarter of the places and of the queue. "" is limited by the whole alone.
//
// Nothing is sent; the code is unspent, and may be marked as redeemed after Acquire
// and before the exchange. The error is KindShed while the breaker is open,
// KindOverloaded when this gateway has too much to do or less than 500 ms would be
// left of ctx after a wait, KindTimeout or KindCanceled when ctx has ended. On success
// Release must follow. The observer hears of this failure and of the exchange; it may
// be nil.
func (c *Client) Acquire(ctx context.Context, call Call, network string, o *Observer) (*Slot, error) {
	start := time.Now()
	slot, err := c.acquire(ctx, c.exchange, call, network)
	if err != nil {
		o.done(call, start, err)
		return nil, err
	}
	slot.observer = o
	return slot, nil
}

func (c *Client) acquire(ctx context.Context, b *breaker, call Call, network string) (*Slot, error) {
	start := time.Now()
	// Before the queue, so that an open breaker answers at once; and again after it,
	// because it may have opened meanwhile, and because only the second question may
	// take a probe.
	if err := b.open(call); err != nil {
		return nil, err
	}
	if err := c.gate.enter(ctx, call, network); err != nil {
		return nil, err
	}
	done, err := b.allow(call)
	if err != nil {
		c.gate.leave(network)
		return nil, err
	}
	var once sync.Once
	tell := func(err error) { once.Do(func() { done(err) }) }
	return &Slot{client: c, call: call, network: network, tell: tell, waited: time.Since(start)}, nil
}

// Release gives the slot back. It is idempotent and must be called always, after the
// exchange if there is one. A slot released unused counts neither for nor against
// WeChat.
func (s *Slot) Release() {
	s.release.Do(func() {
		s.used.Store(true)
		s.tell(errNotCounted)
		s.client.gate.leave(s.network)
	})
}

// Code2Session exchanges a wx.login code for the user's identity. The request is sent
// at most once, whatever the network does, and the code must be taken as spent when
// it returns, also with an error. A slot is good for one call; a second is KindShed.
//
// The time is bounded by ctx, and by 30 s if ctx has no earlier deadline.
//
// Source: WeChat documentation, "小程序登录凭证校验" (auth.code2Session).
func (s *Slot) Code2Session(ctx context.Context, app App, code string) (session SessionAnswer, err error) {
	err = s.exchange(ctx, CallCode2Session, app, "/sns/jscode2session", "js_code", code, func(a answer) (err error) {
		session, err = readSession(CallCode2Session, a)
		return err
	})
	return session, err
}

// OAuthToken exchanges a code that a redirect, WeChat's QR script or its mobile SDK
// brought, for apps of the kinds official, website and mobile. All that is said of
// Code2Session holds.
//
// Source: WeChat documentation, "网页授权" and "网站应用微信登录开发指南",
// /sns/oauth2/access_token.
func (s *Slot) OAuthToken(ctx context.Context, app App, code string) (token OAuthAnswer, err error) {
	err = s.exchange(ctx, CallOAuthToken, app, "/sns/oauth2/access_token", "code", code, func(a answer) (err error) {
		token, err = readOAuth(CallOAuthToken, a)
		return err
	})
	return token, err
}

// exchange makes the slot's one request and remembers what WeChat thinks of the app.
func (s *Slot) exchange(ctx context.Context, call Call, app App, path, codeName, code string, read func(answer) error) (err error) {
	start := time.Now()
	defer func() { s.observer.done(call, start, err) }()
	if s.call != call {
		return &Error{Call: call, Kind: KindShed, Cause: errors.New("this slot is for another call")}
	}
	err = s.run(ctx, func(ctx context.Context) error {
		a, err := s.client.send(ctx, request{
			call: call, method: http.MethodGet, path: path,
			query: url.Values{
				"appid":      {app.ID},
				"secret":     {app.Secret.reveal()},
				codeName:     {code},
				"grant_type": {"authorization_code"},
			},
		})
		if err != nil {
			return err
		}
		return read(a)
	})
	s.client.refusals.note(app.ID, err)
	return err
}

// run makes the slot's one call and tells the breaker how it went. A panic leaves the
// verdict to Release.
func (s *Slot) run(ctx context.Context, do func(context.Context) error) error {
	if s.used.Swap(true) {
		return &Error{Call: s.call, Kind: KindShed, Cause: errors.New("this slot has been used or released")}
	}
	start := time.Now()
	err := do(ctx)
	s.tell(verdict(err, s.waited, time.Since(start)))
	return err
}
