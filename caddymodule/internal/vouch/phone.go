// phone.go: the phone number of a session's user, by data or by WeChat's word.

package vouch

import (
	"context"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/opendata"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/span"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// PhoneByData verifies a phone number as the phone button gives it, and keeps it on
// the session.
func (d *Desk) PhoneByData(ctx context.Context, s *session.Session, req opendata.Request) (session.Phone, error) {
	var number opendata.Phone
	if err := d.AllowData(s.ID); err != nil {
		return session.Phone{}, err
	}
	_, err := d.openOnce(ctx, s, func(want opendata.Expect, keys []string) (opened opendata.Opened, err error) {
		number, opened, err = opendata.OpenPhone(req, want, keys...)
		return opened, err
	}, func(s *session.Session, _ opendata.Opened) { s.Phone = (*session.Phone)(&number) })
	return session.Phone(number), err
}

// PhoneByCode asks WeChat for the number. WeChat checks that the code belongs
// to the openid, because the gateway names it.
func (d *Desk) PhoneByCode(ctx context.Context, s *session.Session, network, code string) (session.Phone, error) {
	if !weixin.ValidCode(code) {
		return session.Phone{}, problem.BadRequest("code is not one that the phone button gives")
	}
	if err := d.Allow(s.ID); err != nil {
		return session.Phone{}, err
	}
	app := d.Apps.Find(s.AppID)
	calling, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	calling, endSpan := span.Start(calling, "wechat.api phone_number")
	var info weixin.PhoneInfo
	err := d.Access.Do(calling, app.Credentials, d.Observer, func(accessToken string) (err error) {
		info, err = d.Client.PhoneNumber(calling, network, accessToken, code, s.OpenID, d.Observer)
		return err
	})
	endSpan(string(weixin.KindOf(err)))
	if err != nil {
		d.Log.Call("phone number", s.AppID, err)
		return session.Phone{}, err
	}
	number := session.Phone{PhoneNumber: info.PhoneNumber, PurePhoneNumber: info.PurePhoneNumber, CountryCode: info.CountryCode}
	if info.Watermark.AppID != s.AppID || opendata.Phone(number).E164() == "" {
		return session.Phone{}, opendata.ErrInvalid
	}
	_, err = d.Sessions.Update(ctx, s.ID, func(s *session.Session) error {
		s.Phone = &number
		return nil
	})
	return number, err
}
