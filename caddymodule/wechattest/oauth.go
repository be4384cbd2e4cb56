// oauth.go: codes of sns/oauth2, and their exchange: logins of every kind of app but the mini program.

package wechattest

import (
	"net/http"
	"time"
)

// refreshLifetime is 30 days (Wechat_webpage_authorization).
const refreshLifetime = 30 * day

// OAuthLogin says who logs in where. Ours, not WeChat's.
type OAuthLogin struct {
	// AppID is the app that may exchange the code.
	AppID string
	// OpenID is the user; an unknown one is made up. Default: somebody new.
	OpenID string
	// Scope is what the code is for. Default: snsapi_base for an official app, snsapi_login for a website, else
	// snsapi_userinfo.
	Scope string
	// Snapshot makes the user look at a snapshot page: is_snapshotuser is 1, and openid, unionid and nickname are
	// virtual, others at each login (announcement on snapshot pages). OpenID does not count then.
	Snapshot bool
}

// oauthCode is what a page or an SDK hands to the site, good for one exchange.
type oauthCode struct {
	appid, scope string
	user         *user
	snapshot     bool
	made         time.Time
	used         bool
}

// userToken is the access_token of one user, which is not the app's (api_snsaccesstoken). Its refresh_token leads to
// the same value.
type userToken struct {
	value, refresh   string
	scope            string
	user             *user
	expires, renewal time.Time // renewal: of the refresh_token
}

// OAuthCode does what a page of open.weixin.qq.com, or the SDK of a mobile app, does when the user agrees: it returns a
// code that is good for five minutes and for one exchange at sns/oauth2/access_token (Wechat_webpage_authorization,
// Wechat_Login). It mints codes of apps that the Server does not know, too: they are codes of another app to everybody.
func (s *Server) OAuthCode(login OAuthLogin) string {
	now := s.opts.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.oauthCode(now, login)
}

// oauthCode is [Server.OAuthCode] for a caller that holds the mutex.
func (s *Server) oauthCode(now time.Time, login OAuthLogin) string {
	if login.OpenID == "" || login.Snapshot {
		login.OpenID = newOpenID()
	}
	if login.Scope == "" {
		login.Scope = map[Kind]string{KindOfficial: scopeBase, KindWebsite: scopeLogin}[s.kind(login.AppID)]
	}
	if login.Scope == "" {
		login.Scope = scopeUserInfo
	}
	value := newLoginCode()
	s.oauthCodes.put(now, value, &oauthCode{appid: login.AppID, scope: login.Scope, snapshot: login.Snapshot, made: now,
		user: s.user(now, login.AppID, login.OpenID)})
	return value
}

// oauthTokenAnswer has no errcode, as on the page.
type oauthTokenAnswer struct {
	AccessToken    string `json:"access_token"`
	ExpiresIn      int    `json:"expires_in"`
	RefreshToken   string `json:"refresh_token"`
	OpenID         string `json:"openid"`
	Scope          string `json:"scope"`
	IsSnapshotUser int    `json:"is_snapshotuser,omitempty"`
	UnionID        string `json:"unionid,omitempty"`
}

// oauthToken follows the page api_snsaccesstoken. The order of its checks is that of code2Session.
func (s *Server) oauthToken(r request) answer {
	appid, errcode := s.checkGrant(r, "code")
	if errcode != 0 {
		return refuse(r.now, errcode)
	}
	if !s.is(appid, KindOfficial, KindWebsite, KindMobile) {
		return refuse(r.now, errAppID)
	}
	if !s.app(r.now, appid).oauthMinute.allow(r.now, time.Minute, s.opts.Quotas.OAuthTokenPerMinute) {
		return refuse(r.now, errMinuteQuota)
	}

	c, ok := s.oauthCodes.get(r.now, r.query.Get("code"))
	switch {
	case !ok || c.appid != appid:
		return refuse(r.now, errCode)
	case c.used:
		return refuse(r.now, errCodeUsed)
	case r.now.Sub(c.made) >= codeLifetime:
		return refuse(r.now, errCodeExpired)
	}
	c.used = true
	if c.user.risky {
		return refuse(r.now, errCodeBlocked)
	}
	out := s.mintUserToken(r.now, &userToken{refresh: newAccessToken(), scope: c.scope, user: c.user, renewal: r.now.Add(refreshLifetime)})
	if c.snapshot {
		out.IsSnapshotUser = 1
	}
	if c.scope != scopeBase { // with snsapi_base there is none (api_snsaccesstoken)
		out.UnionID = c.user.unionID
	}
	return succeed(out)
}

// oauthRefresh follows Wechat_webpage_authorization: while the access_token lives it is extended, after that there is a
// new one; the refresh_token and its end stay.
func (s *Server) oauthRefresh(r request) answer {
	appid, refresh := r.query.Get("appid"), r.query.Get("refresh_token")
	switch {
	case appid == "":
		return refuse(r.now, errAppIDMissing)
	case r.method != http.MethodGet:
		return refuse(r.now, errNotGET)
	case r.query.Get("grant_type") != "refresh_token":
		return refuse(r.now, errGrantType)
	case refresh == "":
		return refuse(r.now, errRefreshMissing)
	case !s.knowsApp(appid):
		return refuse(r.now, errAppID)
	}
	t, ok := s.refreshTokens.get(r.now, refresh)
	switch {
	case !ok || t.user.appid != appid:
		return refuse(r.now, errRefresh)
	case !r.now.Before(t.renewal):
		return refuse(r.now, errRefreshExpired)
	case r.now.Before(t.expires):
		t.expires = r.now.Add(tokenLifetime)
		s.userTokens.put(r.now, t.value, t)
		return succeed(t.answer())
	}
	return succeed(s.mintUserToken(r.now, t))
}

// mintUserToken gives t a new value from now on.
func (s *Server) mintUserToken(now time.Time, t *userToken) oauthTokenAnswer {
	t.value, t.expires = newAccessToken(), now.Add(tokenLifetime)
	s.userTokens.put(now, t.value, t)
	if _, known := s.refreshTokens.get(now, t.refresh); !known {
		s.refreshTokens.put(now, t.refresh, t)
	}
	return t.answer()
}

func (t *userToken) answer() oauthTokenAnswer {
	return oauthTokenAnswer{AccessToken: t.value, ExpiresIn: int(tokenLifetime / time.Second), RefreshToken: t.refresh,
		OpenID: t.user.openid, Scope: t.scope}
}
