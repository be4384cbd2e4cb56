// accesstoken.go: an app's access_token and jsapi_ticket, for all that needs them.

package weixin

import (
	"context"
	"errors"
	"time"
)

// TokenSource hands out what WeChat gives an app for a time: its access_token, and the
// jsapi_ticket of an Official Account. Each is fetched once for all who ask, also for
// all gateways that share a cache, and renewed before its end. It is safe for
// concurrent use.
type TokenSource struct {
	client *Client
	keeper keeper
}

// NewTokenSource builds a source over the client. cache may be nil: tokens are then
// kept in memory only.
func NewTokenSource(c *Client, cache TokenCache) *TokenSource {
	return &TokenSource{client: c, keeper: keeper{
		life: c.life, cache: cache, now: time.Now, names: make(map[string]*kept),
	}}
}

// Do runs use with the app's token, and once more with a renewed one if use returns
// an error of KindBadToken. Other errors of use are returned as they are. When no
// other token is to be had, the error is that of use: WeChat's errcode and rid are
// in it, and why there is no other token is its cause.
func (s *TokenSource) Do(ctx context.Context, app App, o *Observer, use func(token string) error) error {
	token, err := s.Token(ctx, app, o)
	if err != nil {
		return err
	}
	err = use(token)
	var bad *Error
	if !errors.As(err, &bad) || bad.Kind != KindBadToken {
		return err
	}
	token, err = s.Renew(ctx, app, token, o)
	var none *Error
	if errors.As(err, &none) && none.Kind == KindBadToken {
		refused := *bad
		refused.Cause = none.Cause
		return &refused
	}
	if err != nil {
		return err
	}
	return use(token)
}

// Token returns the app's access_token. ctx bounds this caller's wait and not the
// fetch, which serves the others too. Errors: KindRefused for a wrong secret or an
// unlisted IP, KindRateLimited, and the kinds of a failed call.
func (s *TokenSource) Token(ctx context.Context, app App, o *Observer) (string, error) {
	return s.keeper.get(ctx, s.accessToken(app, o), "")
}

// Renew returns a token other than failed, which WeChat has called invalid. If another
// one is known by now, here or to another gateway, that is it; otherwise WeChat is
// asked, and only if it insists on the failed one is it forced to make a new one: at
// most once in 30 s, and ever more rarely when tokens go on being called invalid soon
// after. KindBadToken: there is no other token to be had now.
func (s *TokenSource) Renew(ctx context.Context, app App, failed string, o *Observer) (string, error) {
	return s.keeper.get(ctx, s.accessToken(app, o), failed)
}

// JSAPITicket returns the ticket that signs pages for wx.config; see SignPage. app is
// an Official Account; for an app without JS-SDK the error is KindRefused, errcode 48001.
// Otherwise they are those of Token.
func (s *TokenSource) JSAPITicket(ctx context.Context, app App, o *Observer) (string, error) {
	return s.keeper.get(ctx, supply{
		name: "jsapi_ticket " + app.ID,
		call: CallJSAPITicket,
		fetch: func(ctx context.Context, _ bool) (ticket string, life time.Duration, err error) {
			err = s.Do(ctx, app, o, func(token string) (err error) {
				ticket, life, err = s.client.getTicket(ctx, token, o)
				return err
			})
			return ticket, life, err
		},
	}, "")
}

func (s *TokenSource) accessToken(app App, o *Observer) supply {
	return supply{
		name: app.ID, // alone, as it was before there were other secrets to keep
		call: CallStableToken,
		fetch: func(ctx context.Context, force bool) (string, time.Duration, error) {
			return s.client.stableToken(ctx, app, force, o)
		},
		canForce: true,
	}
}
