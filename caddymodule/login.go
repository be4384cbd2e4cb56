// login.go: POST <prefix>/login, from a code to a session and its token.

package caddymodule

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// errCodeSpent means that the code was redeemed before, by anybody, anywhere.
var errCodeSpent = errors.New("the code was redeemed before")

type loginRequest struct {
	Code  string `json:"code"`
	AppID string `json:"appid"`
	openDataRequest
}

type loginResponse struct {
	Token     string `json:"token"`
	TokenType string `json:"token_type"`
	ExpiresIn int64  `json:"expires_in"`
	OpenID    string `json:"openid"`
	AppID     string `json:"appid"`
	UnionID   string `json:"unionid,omitempty"`
}

func (h *Handler) login(w http.ResponseWriter, r *http.Request) error {
	var req loginRequest
	if err := readJSON(w, r, &req); err != nil {
		return err
	}
	app, err := h.loginApp(req.AppID)
	if err != nil {
		return err
	}
	switch {
	case req.Code == "":
		return badRequest("code is missing: send the code that wx.login gave")
	case !weixin.ValidCode(req.Code):
		return badRequest("code is not one that wx.login gives")
	}
	if err := req.check(); err != nil {
		return err
	}
	if err := h.app.allowLogin(r); err != nil {
		h.app.logLogin(app.AppID, nil, 0, err)
		return err
	}

	// who was logged in here before, to be logged out when the new login works
	var previous *session.Session
	if c, err := h.identifyCaller(r, h.credentials(r)); err == nil {
		previous = c.Session
	}

	start := time.Now()
	s, text, err := h.app.login(r.Context(), app, req, previous)
	h.app.logLogin(app.AppID, s, time.Since(start), err)
	if err != nil {
		return err
	}
	if previous != nil {
		// A token that lives on after a new login is one that nobody looks
		// after. When the store fails here, the new login stands all the same.
		if err := h.app.sessions.End(r.Context(), previous.ID); err != nil {
			h.app.logger.Warn("the session before this login could not be ended", zap.String("session_id", previous.ID), zap.Error(err))
		}
	}

	lifetime := s.ExpiresAt.Sub(s.IssuedAt)
	if h.Cookie != "" {
		http.SetCookie(w, sessionCookie(h.Cookie, text, lifetime))
	}
	return writeJSON(w, http.StatusOK, loginResponse{
		Token: text, TokenType: "Bearer", ExpiresIn: int64(lifetime / time.Second),
		OpenID: s.OpenID, AppID: s.AppID, UnionID: s.UnionID,
	})
}

// loginApp picks the app of a login: the one that the request names, or the
// only one of the site. Nothing else in a request may decide it; a Referer in
// particular is the client's to choose.
func (h *Handler) loginApp(appid string) (*MiniProgram, error) {
	if appid == "" {
		if len(h.accepted) != 1 {
			return nil, badRequest("appid is missing: this site serves several mini programs")
		}
		return h.accepted[0], nil
	}
	for _, app := range h.accepted {
		if app.AppID == appid {
			return app, nil
		}
	}
	return nil, badRequest("appid names no mini program of this site")
}

func (h *Handler) accepts(program *MiniProgram) bool { return slices.Contains(h.accepted, program) }
