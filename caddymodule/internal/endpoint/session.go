// sessions.go: GET <prefix>/session, POST <prefix>/logout, GET <prefix>/jwks.json.

package endpoint

import (
	"encoding/json"
	"net/http"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/login"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weblogin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// sessionResponse is what a session tells its owner.
type sessionResponse struct {
	OpenID    string          `json:"openid"`
	AppID     string          `json:"appid"`
	UnionID   string          `json:"unionid,omitempty"`
	IssuedAt  int64           `json:"issued_at"`
	ExpiresAt int64           `json:"expires_at"`
	UserInfo  json.RawMessage `json:"userinfo,omitempty"`
	Phone     *session.Phone  `json:"phone,omitempty"`

	// "valid" or "stale", when the request asked for it with ?check=wechat
	SessionKey string `json:"session_key,omitempty"`
}

func (s *Site) session(w http.ResponseWriter, r gate.Clean) error {
	c, err := s.live(r)
	if err != nil {
		return err
	}
	answer := sessionResponse{
		OpenID: c.OpenID, AppID: c.AppID, UnionID: c.UnionID,
		IssuedAt: c.IssuedAt.Unix(), ExpiresAt: c.ExpiresAt.Unix(),
		UserInfo: c.UserInfo, Phone: c.Phone,
	}
	switch check := r.URL.Query().Get("check"); check {
	case "":
	case "wechat":
		if err := onlyMini(c); err != nil {
			return err
		}
		if answer.SessionKey, err = s.Vouch.CheckSessionKey(r.Context(), c.Session, login.Network(s.Server.ClientIP(r.Request))); err != nil {
			return err
		}
	default:
		return problem.BadRequest("check=wechat is the only check there is")
	}
	return problem.WriteJSON(w, http.StatusOK, answer)
}

func (s *Site) logout(w http.ResponseWriter, r gate.Clean) error {
	c, err := s.live(r)
	if err != nil {
		return err
	}
	switch reset := r.URL.Query().Get("reset"); reset {
	case "", "false":
	case "true":
		if err := onlyMini(c); err != nil {
			return err
		}
		// before the session ends: when WeChat fails, the caller can try again
		if err := s.Vouch.ResetSessionKey(r.Context(), c.Session, login.Network(s.Server.ClientIP(r.Request))); err != nil {
			return err
		}
	default:
		return problem.BadRequest("reset is true or false")
	}
	if err := s.Sessions.End(r.Context(), c.ID); err != nil {
		return err
	}
	s.Log.Logout(c)
	if s.Rules.Cookie != "" {
		http.SetCookie(w, gate.SessionCookie(s.Rules.Cookie, "", 0))
		if s.Web != nil {
			weblogin.DropAll(r.Header, w.Header())
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Site) jwks(w http.ResponseWriter, _ gate.Clean) error {
	if !s.PublicKeys {
		return &problem.RequestError{Status: http.StatusNotFound, Description: "tokens are signed with HS256: there is no public key"}
	}
	return problem.WriteJSON(w, http.StatusOK, json.RawMessage(s.Gate.Ring().JWKS()))
}
