// sessionkey.go: asking WeChat whether the session key we hold is still the
// user's, and having it replaced.

package caddymodule

import (
	"context"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// checkSessionKey says "valid" or "stale". Stale means that data made from now
// on will not verify before the next login.
func (a *App) checkSessionKey(ctx context.Context, s *session.Session) (string, error) {
	err := a.withNewestKey(ctx, s, func(ctx context.Context, accessToken, key string) error {
		return a.client.CheckSession(ctx, accessToken, s.OpenID, key, a.observer)
	})
	switch {
	case keyIsDead(err):
		return "stale", nil
	case err != nil:
		return "", err
	}
	return "valid", nil
}

// resetSessionKey makes the user's session keys worthless to whoever may have
// got hold of them. A key that is dead already needs no reset.
func (a *App) resetSessionKey(ctx context.Context, s *session.Session) error {
	var newKey string
	err := a.withNewestKey(ctx, s, func(ctx context.Context, accessToken, key string) (err error) {
		newKey, err = a.client.ResetSessionKey(ctx, accessToken, s.OpenID, key, a.observer)
		return err
	})
	if err != nil && !keyIsDead(err) {
		return err
	}
	// the new key may outlive this session: other devices of the user use it
	until := time.Now().Add(time.Duration(a.SessionLifetime))
	return a.sessions.ReplaceSessionKey(context.WithoutCancel(ctx), s.AppID, s.OpenID, newKey, until)
}

// withNewestKey runs a call that is signed with the newest key of the user. A
// user without a key is answered as WeChat would answer.
func (a *App) withNewestKey(ctx context.Context, s *session.Session, call func(ctx context.Context, accessToken, key string) error) (err error) {
	keys, err := a.sessions.SessionKeys(ctx, s.AppID, s.OpenID)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return &weixin.Error{Call: weixin.CallCheckSession, Kind: weixin.KindKeyGone}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(a.APITimeout))
	defer cancel()
	ctx, endSpan := startSpan(ctx, "wechat.api session_key")
	defer func() {
		endSpan(err)
		if err != nil && !keyIsDead(err) {
			a.logCall("session key", s.AppID, err)
		}
	}()
	return a.access.Do(ctx, a.find(s.AppID).credentials, a.observer, func(accessToken string) error {
		return call(ctx, accessToken, keys[0])
	})
}

func keyIsDead(err error) bool {
	kind := weixin.KindOf(err)
	return kind == weixin.KindBadSignature || kind == weixin.KindKeyGone
}
