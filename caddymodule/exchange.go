// exchange.go: from a code to a session, in the one order that spends a code
// once and leaves nothing half-made.

package caddymodule

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/opendata"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// login redeems a code and starts a session. The token is minted last: whoever
// holds one has a session.
func (a *App) login(ctx context.Context, app *MiniProgram, req loginRequest, previous *session.Session) (*session.Session, string, error) {
	id, err := a.exchange(ctx, app, req.Code)
	if err != nil {
		return nil, "", err
	}
	// Data that comes with the login was made with the key that this very code
	// brought. If it does not verify, there is no login: the user would be in,
	// and the client would not know with what.
	fingerprint := ""
	if !req.empty() {
		opened, err := opendata.OpenUserInfo(req.userInfo(), a.expect(id.AppID, id.OpenID, id.UnionID), id.SessionKey)
		if err != nil {
			return nil, "", err
		}
		id.UserInfo = opened.Object
		if !opened.SignedOnly { // a signature may be shown again
			fingerprint = opened.Fingerprint
		}
		if id.UnionID == "" {
			id.UnionID = opened.UnionID
		}
	}
	id.Replaces = previous
	s, err := a.sessions.Login(ctx, id)
	if err != nil {
		return nil, "", err
	}
	if fingerprint != "" {
		// the login stands without it: at worst the same data is taken once more
		if _, err := a.sessions.AcceptData(ctx, s.ID, fingerprint, a.dataForgotten(s)); err != nil {
			a.logger.Warn("noting that open data was accepted", zap.Error(err))
		}
	}
	text, err := a.mint(s)
	if err != nil {
		return nil, "", fmt.Errorf("minting the token: %w", err)
	}
	return s, text, nil
}

// exchange asks WeChat who a code belongs to, once in the life of the code.
func (a *App) exchange(ctx context.Context, app *MiniProgram, code string) (session.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(a.APITimeout))
	defer cancel()

	// the place in the queue first: a code that is turned away there is unspent
	slot, err := a.client.Acquire(ctx, a.observer)
	if err != nil {
		return session.Identity{}, err
	}
	defer slot.Release()

	// the mark next: whatever happens from here on, the code is never sent again
	first, err := a.sessions.RedeemCode(ctx, app.AppID, code)
	if err != nil {
		return session.Identity{}, err
	}
	if !first {
		return session.Identity{}, errCodeSpent
	}

	calling, endSpan := startSpan(ctx, "wechat.api code2session")
	answer, err := slot.Code2Session(calling, app.credentials, code)
	endSpan(err)
	if err != nil {
		return session.Identity{}, err
	}
	return session.Identity{
		AppID: app.AppID, OpenID: answer.OpenID, UnionID: answer.UnionID, SessionKey: answer.SessionKey,
	}, nil
}
