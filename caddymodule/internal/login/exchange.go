// exchange.go: from a code to a session, in the one order that spends a code
// once and leaves nothing half-made.

// Package login turns what WeChat gave a client into a session: it asks WeChat who
// a code belongs to, once in the life of the code, and holds to the limits of
// those who try.
//
// It knows no HTTP server and answers nobody: its errors say what happened, and
// package problem what the client is told.
package login

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/opendata"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/span"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// ErrCodeSpent means that the code was redeemed before, by anybody, anywhere.
var ErrCodeSpent = errors.New("the code was redeemed before")

// Desk makes sessions of codes. All fields but Logger are needed.
type Desk struct {
	Sessions *session.Manager
	Client   *weixin.Client
	Observer *weixin.Observer
	Policy   opendata.Policy                        // of the data that comes with a login
	Timeout  time.Duration                          // of an exchange
	Mint     func(*session.Session) (string, error) // signs the token of a session
	Limits   Limits
	Logger   *zap.Logger
}

// Request is one attempt to log in.
type Request struct {
	App      *apps.App
	Code     string
	Data     opendata.UserInfoRequest // user info that comes with the login; may be empty
	Network  string                   // of the client; see Network
	Previous *session.Session         // the client's session until now, which the new one replaces; or nil
}

// Login redeems a code and starts a session. The token is minted last: a client
// that holds one has a session.
func (d *Desk) Login(ctx context.Context, req Request) (*session.Session, string, error) {
	id, err := d.exchange(ctx, req.App, req.Code, req.Network)
	if err != nil {
		return nil, "", err
	}
	// Data that comes with the login was made with the key that this very code
	// brought. If it does not verify, there is no login: the user would be in,
	// and the client would not know with what.
	fingerprint := ""
	if req.Data != (opendata.UserInfoRequest{}) {
		opened, err := opendata.OpenUserInfo(req.Data, d.Policy.Expect(id.AppID, id.OpenID, id.UnionID), id.SessionKey)
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
	id.Replaces = req.Previous
	s, err := d.Sessions.Login(ctx, id)
	if err != nil {
		return nil, "", err
	}
	if fingerprint != "" {
		// the login is good without it: at worst the same data is taken once more
		if _, err := d.Sessions.AcceptData(ctx, s.ID, fingerprint, d.Policy.Forgotten(s.ExpiresAt)); err != nil {
			d.Logger.Warn("noting that open data was accepted", zap.Error(err))
		}
	}
	text, err := d.Mint(s)
	if err != nil {
		return nil, "", fmt.Errorf("minting the token: %w", err)
	}
	d.endPrevious(ctx, req.Previous)
	return s, text, nil
}

// endPrevious ends the session that the client had before. A token that lives on
// after a new login is one that nobody looks after. When the store fails here, the
// new login is good all the same.
func (d *Desk) endPrevious(ctx context.Context, previous *session.Session) {
	if previous == nil {
		return
	}
	if err := d.Sessions.End(ctx, previous.ID); err != nil {
		d.Logger.Warn("the session before this login could not be ended", zap.String("session_id", previous.ID), zap.Error(err))
	}
}

// ErrSnapshot means that the code came from a snapshot page, whose user WeChat has
// made up. There is no session for nobody.
var ErrSnapshot = errors.New("the code is of a snapshot user, who is nobody")

// exchange asks WeChat who a code belongs to, once in the life of the code.
func (d *Desk) exchange(ctx context.Context, app *apps.App, code, network string) (session.Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()

	// the place in the queue first: a code that is turned away there is unspent
	call := weixin.CallOAuthToken
	if app.Kind == session.Mini {
		call = weixin.CallCode2Session
	}
	slot, err := d.Client.Acquire(ctx, call, Share(network), d.Observer)
	if err != nil {
		return session.Identity{}, err
	}
	defer slot.Release()

	// the mark next: whatever happens from here on, the code is never sent again
	first, err := d.Sessions.RedeemCode(ctx, app.AppID, code)
	if err != nil {
		return session.Identity{}, err
	}
	if !first {
		return session.Identity{}, ErrCodeSpent
	}

	calling, end := span.Start(ctx, "wechat.api "+string(call))
	id, err := d.redeem(calling, slot, app, code, network)
	end(string(weixin.KindOf(err)))
	return id, err
}

// redeem sends the code to WeChat. What it does for an app that is no mini program
// beyond that is no part of the login: without the user info it is good all the same.
func (d *Desk) redeem(ctx context.Context, slot *weixin.Slot, app *apps.App, code, network string) (session.Identity, error) {
	id := session.Identity{AppID: app.AppID, Kind: app.Kind}
	if app.Kind == session.Mini {
		answer, err := slot.Code2Session(ctx, app.Credentials, code)
		id.OpenID, id.UnionID, id.SessionKey = answer.OpenID, answer.UnionID, answer.SessionKey
		return id, err
	}
	answer, err := slot.OAuthToken(ctx, app.Credentials, code)
	if err != nil {
		return id, err
	}
	if answer.Snapshot {
		return id, ErrSnapshot
	}
	id.OpenID, id.UnionID = answer.OpenID, answer.UnionID
	if !tellsOfUser(app, answer.Scope) {
		return id, nil
	}
	info, err := d.Client.UserInfo(ctx, Share(network), answer.UserToken, answer.OpenID, d.Observer)
	if err != nil {
		d.Logger.Warn("asking WeChat for the user info of a login", zap.String("appid", app.AppID), zap.Error(err))
		return id, nil
	}
	id.UserInfo = info.Object
	if id.UnionID == "" {
		id.UnionID = info.UnionID
	}
	return id, nil
}

// tellsOfUser reports whether the user of a login has agreed to be told of.
func tellsOfUser(app *apps.App, scope string) bool {
	for granted := range strings.SplitSeq(scope, ",") {
		if granted == "snsapi_userinfo" || granted == "snsapi_login" && app.Kind == session.Website {
			return true
		}
	}
	return false
}
