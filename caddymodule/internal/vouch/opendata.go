// opendata.go: opening a piece of open data for a session: the count of failures,
// the replay rule, and keeping what the data says.

// Package vouch finds out what WeChat vouches for about the user of a session: user
// info, phone number, other open data, and whether the session key still holds.
//
// Every refusal of data is opendata.ErrInvalid: the cause is nobody's to learn.
package vouch

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/observe"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/opendata"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Desk answers what is asked about the user of a session. All fields are needed.
type Desk struct {
	Apps     apps.List
	Sessions *session.Manager
	Client   *weixin.Client
	Observer *weixin.Observer
	Access   *weixin.TokenSource
	Policy   opendata.Policy
	Timeout  time.Duration // of a call to WeChat
	Lifetime time.Duration // of a session

	// Allow refuses a session that has had WeChat asked too often; AllowData one that
	// has shown data too often.
	Allow, AllowData func(sessionID string) error
	Log              *observe.Log
}

// maxDataFailures is how many open-data failures in a row a session may have.
// Each failure tells an attacker something about a padding; a few tell nothing.
const maxDataFailures = 10

// UserInfo verifies user info and keeps it on the session. It returns the JSON
// object in WeChat's own field names, without the watermark.
func (d *Desk) UserInfo(ctx context.Context, s *session.Session, req opendata.UserInfoRequest) ([]byte, error) {
	if err := d.AllowData(s.ID); err != nil {
		return nil, err
	}
	if object, known, err := d.shownAgain(ctx, s, req); known || err != nil {
		return object, err
	}
	opened, err := d.openOnce(ctx, s, func(want opendata.Expect, keys []string) (opendata.Opened, error) {
		return opendata.OpenUserInfo(req, want, keys...)
	}, func(s *session.Session, opened opendata.Opened) { s.UserInfo = opened.Object })
	return opened.Object, err
}

// OpenData verifies any other data and returns it, without the watermark.
func (d *Desk) OpenData(ctx context.Context, s *session.Session, req opendata.Request) ([]byte, error) {
	if err := d.AllowData(s.ID); err != nil {
		return nil, err
	}
	opened, err := d.openOnce(ctx, s, func(want opendata.Expect, keys []string) (opendata.Opened, error) {
		return opendata.Open(req, want, keys...)
	}, func(*session.Session, opendata.Opened) {})
	return opened.Object, err
}

// openOnce opens a piece of open data for a session and keeps what it says.
// It counts each attempt before it is made, so that no number of parallel ones
// gets more than the limit, and clears the count when one succeeds (with a
// signature alone: the first time that it is shown in the session). Every
// refusal is opendata.ErrInvalid: too many attempts, no key and a replay look
// the same from outside as a bad padding.
func (d *Desk) openOnce(ctx context.Context, s *session.Session,
	open func(opendata.Expect, []string) (opendata.Opened, error),
	keep func(*session.Session, opendata.Opened),
) (opendata.Opened, error) {
	s, err := d.Sessions.Update(ctx, s.ID, func(s *session.Session) error {
		if s.DataFailures >= maxDataFailures {
			return opendata.ErrInvalid
		}
		s.DataFailures++
		return nil
	})
	if err != nil {
		return opendata.Opened{}, err
	}
	opened, err := d.openCounted(ctx, s, open, keep)
	if err != nil && !errors.Is(err, opendata.ErrInvalid) {
		// the store failed, not the data: the attempt is given back if it can be
		_, _ = d.Sessions.Update(context.WithoutCancel(ctx), s.ID, forgiveOne)
	}
	return opened, err
}

// shownAgain answers a signature that verifies and says what the session says already,
// without writing anything: it can be shown again and again. What it does not answer is
// counted before it is looked at again. A signature gives nothing away about a padding,
// so this may look first.
func (d *Desk) shownAgain(ctx context.Context, s *session.Session, req opendata.UserInfoRequest) (object []byte, known bool, err error) {
	if req.EncryptedData != "" || req.IV != "" || s.UserInfo == nil || s.DataFailures > 0 {
		return nil, false, nil
	}
	keys, err := d.Sessions.SessionKeys(ctx, s.AppID, s.OpenID)
	if err != nil {
		return nil, false, err
	}
	opened, err := opendata.OpenUserInfo(req, d.Policy.Expect(s.AppID, s.OpenID, s.UnionID), keys...)
	if err != nil || !bytes.Equal(opened.Object, s.UserInfo) {
		return nil, false, nil
	}
	return opened.Object, true, nil
}

// forgiveOne takes one attempt off the count.
func forgiveOne(s *session.Session) error {
	s.DataFailures = max(s.DataFailures-1, 0)
	return nil
}

// openCounted is openOnce after the attempt was counted.
func (d *Desk) openCounted(ctx context.Context, s *session.Session,
	open func(opendata.Expect, []string) (opendata.Opened, error),
	keep func(*session.Session, opendata.Opened),
) (opendata.Opened, error) {
	keys, err := d.Sessions.SessionKeys(ctx, s.AppID, s.OpenID)
	if err != nil {
		return opendata.Opened{}, err
	}
	opened, err := open(d.Policy.Expect(s.AppID, s.OpenID, s.UnionID), keys)
	if err != nil {
		return opendata.Opened{}, err
	}
	until := d.Policy.Forgotten(s.ExpiresAt)
	if opened.SignedOnly {
		until = s.ExpiresAt // it has no time of its own
	}
	first, err := d.Sessions.AcceptData(ctx, s.ID, opened.Fingerprint, until)
	if err != nil {
		return opendata.Opened{}, err
	}
	if !first && !opened.SignedOnly {
		return opendata.Opened{}, opendata.ErrInvalid
	}
	_, err = d.Sessions.Update(ctx, s.ID, func(s *session.Session) error {
		// A signature can be shown again and again: then it takes back its own
		// attempt, and does not start a new count.
		if err := forgiveOne(s); err != nil {
			return err
		}
		if first {
			s.DataFailures = 0
		}
		if s.UnionID == "" {
			s.UnionID = opened.UnionID
		}
		keep(s, opened)
		return nil
	})
	return opened, err
}
