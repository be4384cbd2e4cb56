// code2session.go: GET /sns/jscode2session, the exchange of wx.login's code.

package wechattest

import (
	"net/http"
	"time"
)

// codeLifetime is how long a code of wx.login or of the phone button can be redeemed (pages wx.login, getPhoneNumber).
const codeLifetime = 5 * time.Minute

// code is a one-time credential that the phone got for its user.
type code struct {
	appid  string // empty: of whichever app exchanges it first
	openid string
	user   *user // nil while there is no appid
	made   time.Time
	used   bool
}

// code2SessionAnswer has no errcode: the page's sample shows one, captured live answers do not.
type code2SessionAnswer struct {
	SessionKey string `json:"session_key"`
	OpenID     string `json:"openid"`
	UnionID    string `json:"unionid,omitempty"`
}

// code2Session follows the page api_code2session. The order of its checks is our choice, but one: a POST form is
// answered 41002, because only the query is read (seen by callers).
func (s *Server) code2Session(r request) answer {
	appid, errcode := s.checkGrant(r, "js_code")
	if errcode != 0 {
		return refuse(r.now, errcode)
	}
	if !s.is(appid, KindMini) {
		return refuse(r.now, errAppID) // our choice: no page says what another kind of app hears
	}

	c, ok := s.loginCodes.get(r.now, r.query.Get("js_code"))
	if !ok || c.appid != "" && c.appid != appid {
		return refuse(r.now, errCode)
	}
	u := c.user
	if u == nil {
		u = s.user(r.now, appid, c.openid)
	}
	if !u.code2Session.allow(r.now, time.Minute, s.opts.Quotas.Code2SessionPerMinute) {
		return refuse(r.now, errMinuteQuota)
	}
	if c.used {
		return refuse(r.now, errCodeUsed)
	}
	if c.used = true; c.user == nil {
		c.appid, c.user = appid, u
		s.turnKey(u, c)
	}
	if u.risky {
		return refuse(r.now, errCodeBlocked)
	}
	s.noteExchange(r.now, c)
	// The key of now, not of the code: a user has one valid key at any moment (api_checksessionkey).
	u.ensureKey(r.now)
	return succeed(code2SessionAnswer{SessionKey: u.sessionKey, OpenID: u.openid, UnionID: u.unionID})
}

// knowsApp reports whether the AppID exists here.
func (s *Server) knowsApp(appid string) bool {
	if len(s.opts.Apps) == 0 {
		return isAppID(appid)
	}
	_, ok := s.opts.Apps[appid]
	return ok
}

// checkCredentials returns 0 or the errcode for them (global errcode list; 41002 and 41004 when missing).
func (s *Server) checkCredentials(appid, secret string) int {
	switch {
	case appid == "":
		return errAppIDMissing
	case secret == "":
		return errSecretMissing
	case !s.knowsApp(appid):
		return errAppID
	case len(s.opts.Apps) > 0 && s.opts.Apps[appid] != secret:
		return errSecret
	}
	return 0
}

// checkGrant looks at what code2Session and oauthToken have in common: an app that shows
// its secret, and a code, whose parameter has another name in each.
func (s *Server) checkGrant(r request, code string) (appid string, errcode int) {
	appid, secret := r.query.Get("appid"), r.query.Get("secret")
	switch {
	case appid == "":
		return "", errAppIDMissing
	case r.method != http.MethodGet:
		return "", errNotGET
	case secret == "":
		return "", errSecretMissing
	case r.query.Get(code) == "":
		return "", errCodeMissing
	case r.query.Get("grant_type") != "authorization_code":
		return "", errGrantType
	}
	return appid, s.checkCredentials(appid, secret)
}
