// login.go: POST <prefix>/login, from a code to a session and its token.

package endpoint

import (
	"net/http"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/login"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

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

func (s *Site) login(w http.ResponseWriter, r gate.Clean) error {
	var body loginRequest
	if err := readJSON(w, r.Request, &body); err != nil {
		return err
	}
	app, err := s.loginApp(body.AppID)
	if err != nil {
		return err
	}
	switch {
	case body.Code == "":
		return problem.BadRequest("code is missing: send the code that WeChat gave (wx.login, in a mini program)")
	case !weixin.ValidCode(body.Code):
		return problem.BadRequest("code is not one that WeChat gives")
	}
	if err := body.check(); err != nil {
		return err
	}
	network := login.Network(s.Server.ClientIP(r.Request))
	if err := s.Login.Limits.Login(network); err != nil {
		s.Log.Login(app.AppID, nil, 0, err)
		return err
	}

	req := login.Request{App: app, Code: body.Code, Data: body.userInfo(), Network: network}
	// the client's session until now, to be ended when the new login works. A page of
	// another origin is answered, but has no say about the cookie: it would log the
	// visitor of this site out, or into an account of its own
	asked := gate.Describe(r, s.Server.Earlier(r.Request))
	foreign := s.Rules.Cookie != "" && s.Rules.Foreign(&asked)
	creds := s.Rules.Credentials(r.Header)
	if foreign {
		creds.ForgetCookies()
	}
	if c, err := s.Rules.Identify(r.Context(), &asked, &creds); err == nil {
		req.Previous = c.Session
	}

	start := time.Now()
	session, text, err := s.Login.Login(r.Context(), req)
	s.Log.Login(app.AppID, session, time.Since(start), err)
	if err != nil {
		return err
	}
	lifetime := session.ExpiresAt.Sub(session.IssuedAt)
	if s.Rules.Cookie != "" && !foreign {
		http.SetCookie(w, gate.SessionCookie(s.Rules.Cookie, text, lifetime))
	}
	return problem.WriteJSON(w, http.StatusOK, loginResponse{
		Token: text, TokenType: "Bearer", ExpiresIn: int64(lifetime / time.Second),
		OpenID: session.OpenID, AppID: session.AppID, UnionID: session.UnionID,
	})
}

// loginApp picks the app of a login: the one that the request names, or the
// only one of the site. Nothing else in a request may decide it; a Referer in
// particular is the client's to choose.
func (s *Site) loginApp(appid string) (*apps.App, error) {
	if appid == "" {
		if len(s.Rules.Apps) != 1 {
			return nil, problem.BadRequest("appid is missing: this site serves several apps")
		}
		return s.Rules.Apps[0], nil
	}
	if app := s.Rules.Apps.Find(appid); app != nil {
		return app, nil
	}
	return nil, problem.BadRequest("appid names no app of this site")
}
