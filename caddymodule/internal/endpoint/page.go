// page.go: refusals as pages, for a browser that opens one.

package endpoint

import (
	"errors"
	"net/http"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/login"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weblogin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

// writePage answers a navigation with a page that says what to do.
func (s *Site) writePage(w http.ResponseWriter, r gate.Clean, p problem.Problem, err error) {
	path := weblogin.ParseReturn(r.URL.Query()["return"]...)
	var way *onTheWay
	if errors.As(err, &way) {
		path = way.path
	}
	page := weblogin.Page{
		Topic: topicOf(r, p, err), Status: p.Status, Error: p.Code, Errcode: p.Errcode, RetryAfter: p.RetryAfter,
		Again: weblogin.AuthorizePath(s.Prefix, path),
	}
	if origin, wrong := weblogin.SiteOrigin(r.Host, r.TLS != nil); wrong == nil {
		page.Address = origin.String() + path
	}
	p.SetHeaders(w.Header())
	page.Write(w, r.Method)
}

// topicOf tells what a refusal is about, in a person's terms.
func topicOf(r gate.Clean, p problem.Problem, err error) weblogin.Topic {
	switch {
	case errors.Is(err, weblogin.ErrNeedsWeChat):
		return weblogin.NeedsWeChat
	case errors.Is(err, weblogin.ErrNeedsBrowser):
		return weblogin.NeedsBrowser
	case errors.Is(err, errUserRefused):
		return weblogin.UserRefused
	case errors.Is(err, login.ErrSnapshot):
		return weblogin.Snapshot
	case errors.Is(err, weblogin.ErrLoop):
		return weblogin.NoCookies
	case errors.Is(err, weblogin.ErrNoLogin):
		if !weblogin.HasCookies(r.Header) {
			return weblogin.NoCookies
		}
		return weblogin.NotBegun
	case errors.Is(err, login.ErrBadTicket):
		return weblogin.BadTicket
	case errors.Is(err, login.ErrSomebodyElse):
		return weblogin.SomebodyElse
	case weixin.KindOf(err) == weixin.KindBadCode, errors.Is(err, login.ErrCodeSpent):
		return weblogin.CodeRefused
	case weixin.KindOf(err) == weixin.KindBlocked:
		return weblogin.UserBlocked
	}
	switch p.Status {
	case http.StatusBadRequest:
		return weblogin.BadRequest
	case http.StatusTooManyRequests:
		return weblogin.TooMany
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return weblogin.Unavailable
	case http.StatusBadGateway:
		return weblogin.Failed
	}
	return weblogin.OtherRefusal
}
