// sessions.go: GET <prefix>/session, POST <prefix>/logout, GET <prefix>/jwks.json.

package caddymodule

import (
	"encoding/json"
	"net/http"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// live returns the session that an endpoint call is about, and tells the access
// log whose it is.
func (h *Handler) live(r *http.Request) (*caller, error) {
	c, err := h.identifyCaller(r, h.credentials(r))
	if err == nil {
		introduce(r, c)
	}
	return c, err
}

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

func (h *Handler) session(w http.ResponseWriter, r *http.Request) error {
	c, err := h.live(r)
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
		if err := h.app.allowCall(c.ID); err != nil {
			return err
		}
		if answer.SessionKey, err = h.app.checkSessionKey(r.Context(), c.Session); err != nil {
			return err
		}
	default:
		return badRequest("check=wechat is the only check there is")
	}
	return writeJSON(w, http.StatusOK, answer)
}

func (h *Handler) logout(w http.ResponseWriter, r *http.Request) error {
	c, err := h.live(r)
	if err != nil {
		return err
	}
	switch reset := r.URL.Query().Get("reset"); reset {
	case "", "false":
	case "true":
		if err := h.app.allowCall(c.ID); err != nil {
			return err
		}
		// before the session ends: when WeChat fails, the caller can try again
		if err := h.app.resetSessionKey(r.Context(), c.Session); err != nil {
			return err
		}
	default:
		return badRequest("reset is true or false")
	}
	if err := h.app.sessions.End(r.Context(), c.ID); err != nil {
		return err
	}
	h.app.logLogout(c)
	if h.Cookie != "" {
		http.SetCookie(w, sessionCookie(h.Cookie, "", 0))
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h *Handler) jwks(w http.ResponseWriter, _ *http.Request) error {
	if h.app.Token.algorithm == token.HS256 {
		return &requestError{status: http.StatusNotFound, description: "tokens are signed with HS256: there is no public key"}
	}
	return writeJSON(w, http.StatusOK, json.RawMessage(h.app.tokens.Load().ring.JWKS()))
}
