// sessionkey.go: asking WeChat whether the session key we hold is still the
// user's, and having it replaced.

package vouch

import (
	"context"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/span"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// CheckSessionKey says "valid" or "stale". Stale means that data made from now
// on will not verify before the next login.
func (d *Desk) CheckSessionKey(ctx context.Context, s *session.Session, network string) (string, error) {
	if err := d.Allow(s.ID); err != nil {
		return "", err
	}
	err := d.withNewestKey(ctx, s, func(ctx context.Context, accessToken, key string) error {
		return d.Client.CheckSession(ctx, network, accessToken, s.OpenID, key, d.Observer)
	})
	switch {
	case keyIsDead(err):
		return "stale", nil
	case err != nil:
		return "", err
	}
	return "valid", nil
}

// ResetSessionKey makes the user's session keys worthless to anyone who may have
// got hold of them. A key that is dead already needs no reset.
func (d *Desk) ResetSessionKey(ctx context.Context, s *session.Session, network string) error {
	if err := d.Allow(s.ID); err != nil {
		return err
	}
	var newKey string
	err := d.withNewestKey(ctx, s, func(ctx context.Context, accessToken, key string) (err error) {
		newKey, err = d.Client.ResetSessionKey(ctx, network, accessToken, s.OpenID, key, d.Observer)
		return err
	})
	if err != nil && !keyIsDead(err) {
		return err
	}
	// the new key may outlive this session: other devices of the user use it
	until := time.Now().Add(d.Lifetime)
	return d.Sessions.ReplaceSessionKey(context.WithoutCancel(ctx), s.AppID, s.OpenID, newKey, until)
}

// withNewestKey runs a call that is signed with the newest key of the user. A
// user without a key is answered as WeChat would answer.
func (d *Desk) withNewestKey(ctx context.Context, s *session.Session, call func(ctx context.Context, accessToken, key string) error) (err error) {
	keys, err := d.Sessions.SessionKeys(ctx, s.AppID, s.OpenID)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return &weixin.Error{Call: weixin.CallCheckSession, Kind: weixin.KindKeyGone}
	}
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	ctx, endSpan := span.Start(ctx, "wechat.api session_key")
	defer func() {
		endSpan(string(weixin.KindOf(err)))
		if err != nil && !keyIsDead(err) {
			d.Log.Call("session key", s.AppID, err)
		}
	}()
	return d.Access.Do(ctx, d.Apps.Find(s.AppID).Credentials, d.Observer, func(accessToken string) error {
		return call(ctx, accessToken, keys[0])
	})
}

func keyIsDead(err error) bool {
	kind := weixin.KindOf(err)
	return kind == weixin.KindBadSignature || kind == weixin.KindKeyGone
}
