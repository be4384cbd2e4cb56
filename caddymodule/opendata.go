// opendata.go: POST <prefix>/userinfo, /phone and /opendata: what WeChat vouches
// for about the user of a session.

package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/opendata"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// openDataRequest holds the members that wx.getUserProfile and its like give.
type openDataRequest struct {
	RawData       string `json:"rawData"`
	Signature     string `json:"signature"`
	EncryptedData string `json:"encryptedData"`
	IV            string `json:"iv"`
}

func (d *openDataRequest) empty() bool { return *d == openDataRequest{} }

// check refuses half pairs, before anything is spent or counted.
func (d *openDataRequest) check() error {
	switch {
	case (d.RawData == "") != (d.Signature == ""):
		return badRequest("rawData and signature belong together: send both")
	case (d.EncryptedData == "") != (d.IV == ""):
		return badRequest("encryptedData and iv belong together: send both")
	}
	return nil
}

func (d *openDataRequest) userInfo() opendata.UserInfoRequest {
	return opendata.UserInfoRequest{RawData: d.RawData, Signature: d.Signature, EncryptedData: d.EncryptedData, IV: d.IV}
}

func (d *openDataRequest) encrypted() opendata.Request {
	return opendata.Request{EncryptedData: d.EncryptedData, IV: d.IV}
}

// maxDataFailures is how many open-data failures in a row a session may have.
// Each failure tells an attacker something about a padding; a few tell nothing.
const maxDataFailures = 10

func (h *Handler) userInfo(w http.ResponseWriter, r *http.Request) error {
	c, err := h.live(r)
	if err != nil {
		return err
	}
	var req openDataRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if err := req.check(); err != nil {
		return err
	}
	if req.empty() {
		return badRequest("send rawData and signature, or encryptedData and iv, or all four")
	}
	opened, err := h.app.openOnce(r.Context(), c.Session, func(want opendata.Expect, keys []string) (opendata.Opened, error) {
		return opendata.OpenUserInfo(req.userInfo(), want, keys...)
	}, func(s *session.Session, opened opendata.Opened) { s.UserInfo = opened.Object })
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, json.RawMessage(opened.Object))
}

func (h *Handler) openData(w http.ResponseWriter, r *http.Request) error {
	c, err := h.live(r)
	if err != nil {
		return err
	}
	var req openDataRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if err := req.check(); err != nil {
		return err
	}
	if req.EncryptedData == "" {
		return badRequest("send encryptedData and iv")
	}
	opened, err := h.app.openOnce(r.Context(), c.Session, func(want opendata.Expect, keys []string) (opendata.Opened, error) {
		return opendata.Open(req.encrypted(), want, keys...)
	}, func(*session.Session, opendata.Opened) {})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, json.RawMessage(opened.Object))
}

type phoneRequest struct {
	Code string `json:"code"`
	openDataRequest
}

func (h *Handler) phone(w http.ResponseWriter, r *http.Request) error {
	c, err := h.live(r)
	if err != nil {
		return err
	}
	var req phoneRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	if err := req.check(); err != nil {
		return err
	}
	var number session.Phone
	switch {
	case req.Code == "" && req.EncryptedData == "":
		return badRequest("send the code of the phone button, or encryptedData and iv")
	case req.Code != "":
		// the button gives all three at once, and who sends all of them means the
		// newer way; there is no second try with the data
		number, err = h.app.phoneByCode(r.Context(), c.Session, req.Code)
	default:
		number, err = h.app.phoneByData(r.Context(), c.Session, req.encrypted())
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, number)
}

func (a *App) phoneByData(ctx context.Context, s *session.Session, req opendata.Request) (session.Phone, error) {
	var number opendata.Phone
	_, err := a.openOnce(ctx, s, func(want opendata.Expect, keys []string) (opened opendata.Opened, err error) {
		number, opened, err = opendata.OpenPhone(req, want, keys...)
		return opened, err
	}, func(s *session.Session, _ opendata.Opened) { s.Phone = (*session.Phone)(&number) })
	return session.Phone(number), err
}

// phoneByCode asks WeChat for the number. WeChat checks that the code belongs
// to the openid, because the gateway names it.
func (a *App) phoneByCode(ctx context.Context, s *session.Session, code string) (session.Phone, error) {
	if !weixin.ValidCode(code) {
		return session.Phone{}, badRequest("code is not one that the phone button gives")
	}
	if err := a.allowCall(s.ID); err != nil {
		return session.Phone{}, err
	}
	app := a.find(s.AppID)
	calling, cancel := context.WithTimeout(ctx, time.Duration(a.APITimeout))
	defer cancel()
	calling, endSpan := startSpan(calling, "wechat.api phone_number")
	var info weixin.PhoneInfo
	err := a.access.Do(calling, app.credentials, a.observer, func(accessToken string) (err error) {
		info, err = a.client.PhoneNumber(calling, accessToken, code, s.OpenID, a.observer)
		return err
	})
	endSpan(err)
	if err != nil {
		a.logCall("phone number", s.AppID, err)
		return session.Phone{}, err
	}
	number := session.Phone{PhoneNumber: info.PhoneNumber, PurePhoneNumber: info.PurePhoneNumber, CountryCode: info.CountryCode}
	if info.Watermark.AppID != s.AppID || opendata.Phone(number).E164() == "" {
		return session.Phone{}, opendata.ErrInvalid
	}
	_, err = a.sessions.Update(ctx, s.ID, func(s *session.Session) error {
		s.Phone = &number
		return nil
	})
	return number, err
}

// openOnce opens a piece of open data for a session and keeps what it says.
// It counts each attempt before it is made, so that no number of parallel ones
// gets more than the limit, and clears the count when one succeeds (with a
// signature alone: the first time that it is shown in the session). Every
// refusal is opendata.ErrInvalid: too many attempts, no key and a replay look
// the same from outside as a bad padding.
func (a *App) openOnce(ctx context.Context, s *session.Session,
	open func(opendata.Expect, []string) (opendata.Opened, error),
	keep func(*session.Session, opendata.Opened),
) (opendata.Opened, error) {
	s, err := a.sessions.Update(ctx, s.ID, func(s *session.Session) error {
		if s.DataFailures >= maxDataFailures {
			return opendata.ErrInvalid
		}
		s.DataFailures++
		return nil
	})
	if err != nil {
		return opendata.Opened{}, err
	}
	opened, err := a.openCounted(ctx, s, open, keep)
	if err != nil && !errors.Is(err, opendata.ErrInvalid) {
		// the store failed, not the data: the attempt is given back if it can be
		_, _ = a.sessions.Update(context.WithoutCancel(ctx), s.ID, forgiveOne)
	}
	return opened, err
}

// forgiveOne takes one attempt off the count.
func forgiveOne(s *session.Session) error {
	s.DataFailures = max(s.DataFailures-1, 0)
	return nil
}

// openCounted is openOnce after the attempt was counted.
func (a *App) openCounted(ctx context.Context, s *session.Session,
	open func(opendata.Expect, []string) (opendata.Opened, error),
	keep func(*session.Session, opendata.Opened),
) (opendata.Opened, error) {
	keys, err := a.sessions.SessionKeys(ctx, s.AppID, s.OpenID)
	if err != nil {
		return opendata.Opened{}, err
	}
	opened, err := open(a.expect(s.AppID, s.OpenID, s.UnionID), keys)
	if err != nil {
		return opendata.Opened{}, err
	}
	until := a.dataForgotten(s)
	if opened.SignedOnly {
		until = s.ExpiresAt // it has no time of its own
	}
	first, err := a.sessions.AcceptData(ctx, s.ID, opened.Fingerprint, until)
	if err != nil {
		return opendata.Opened{}, err
	}
	if !first && !opened.SignedOnly {
		return opendata.Opened{}, opendata.ErrInvalid
	}
	_, err = a.sessions.Update(ctx, s.ID, func(s *session.Session) error {
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

// expect is what open data of a user is held against.
func (a *App) expect(appid, openid, unionid string) opendata.Expect {
	return opendata.Expect{
		AppID: appid, OpenID: openid, UnionID: unionid,
		MaxAge: time.Duration(*a.DataMaxAge), Now: time.Now(),
	}
}

// dataForgotten is when an accepted piece of data need not be remembered any
// more: it is too old by then, or the session is over.
func (a *App) dataForgotten(s *session.Session) time.Time {
	until := s.ExpiresAt
	if age := time.Duration(*a.DataMaxAge); age > 0 {
		// its watermark may be five minutes ahead of our clock
		if tooOld := time.Now().Add(age + 5*time.Minute); tooOld.Before(until) {
			until = tooOld
		}
	}
	return until
}
