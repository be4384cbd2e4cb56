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
	// tell reports to the breaker, the first time only: a slot whose call ran has
	// spoken, one released unused must free its probe without a verdict.
	tell    func(error)
	waited  time.Duration
	used    atomic.Bool
	release sync.Once
}

// Acquire waits for the right to exchange one code. The error is KindShed when the
// queue is full or the breaker is open, KindTimeout or KindCanceled when ctx ends
// first. Nothing is sent; the code is unspent. On success Release must follow.
// The observer hears of this failure and of the exchange; it may be nil.
func (c *Client) Acquire(ctx context.Context, o *Observer) (*Slot, error) {
	start := time.Now()
	slot, err := c.acquire(ctx, c.exchange, CallCode2Session)
	if err != nil {
		o.done(CallCode2Session, start, err)
		return nil, err
	}
	slot.observer = o
	return slot, nil
}

func (c *Client) acquire(ctx context.Context, b *breaker, call Call) (*Slot, error) {
	start := time.Now()
	// Before the queue, so that an open breaker answers at once; and again after it,
	// because it may have opened meanwhile, and because only the second question may
	// take a probe.
	if err := b.open(call); err != nil {
		return nil, err
	}
	if err := c.gate.enter(ctx, call); err != nil {
		return nil, err
	}
	done, err := b.allow(call)
	if err != nil {
		c.gate.leave()
		return nil, err
	}
	var once sync.Once
	tell := func(err error) { once.Do(func() { done(err) }) }
	return &Slot{client: c, call: call, tell: tell, waited: time.Since(start)}, nil
}

// Release gives the slot back. It is idempotent and must be called always, after the
// exchange if there is one. A slot released unused counts neither for nor against
// WeChat.
func (s *Slot) Release() {
	s.release.Do(func() {
		s.used.Store(true)
		s.tell(errNotCounted)
		s.client.gate.leave()
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
	start := time.Now()
	defer func() { s.observer.done(CallCode2Session, start, err) }()
	err = s.run(ctx, func(ctx context.Context) error {
		a, err := s.client.send(ctx, request{
			call:   CallCode2Session,
			method: http.MethodGet,
			path:   "/sns/jscode2session",
			query: url.Values{
				"appid":      {app.ID},
				"secret":     {app.Secret.reveal()},
				"js_code":    {code},
				"grant_type": {"authorization_code"},
			},
		})
		if err != nil {
			return err
		}
		session, err = readSession(CallCode2Session, a)
		return err
	})
	return session, err
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
