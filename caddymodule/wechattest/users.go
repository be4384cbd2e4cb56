// users.go: the people, their session keys, and wx.login.

package wechattest

import "time"

// user is one person at one app.
type user struct {
	appid, openid, unionID string
	risky                  bool
	countryCode, phone     string
	nickname               string

	sessionKey string // empty: none yet, or expired
	keyMade    time.Time
	turnedBy   *code // the last code that might replace the key

	code2Session window
}

func userKey(appid, openid string) string { return appid + "/" + openid }

// user finds or makes up the person; the caller holds the mutex.
func (s *Server) user(now time.Time, appid, openid string) *user {
	key := userKey(appid, openid)
	u, ok := s.users.use(key)
	if !ok {
		u = &user{appid: appid, openid: openid, countryCode: "86", phone: phoneOf(openid), nickname: nicknameOf(openid)}
		if !s.opts.NoUnionID {
			u.unionID = unionIDOf(openid)
		}
		s.users.put(now, key, u)
	}
	return u
}

// turnKey lets the making of a code replace the user's session key, once.
func (s *Server) turnKey(u *user, c *code) {
	if u.turnedBy == c {
		return
	}
	u.turnedBy = c
	if c.made.Sub(u.keyMade) >= s.opts.SessionKeyMinRefresh {
		u.sessionKey = ""
	}
	u.ensureKey(c.made)
}

func (u *user) ensureKey(now time.Time) {
	if u.sessionKey == "" {
		u.sessionKey, u.keyMade = newSessionKey(), now
	}
}

// Login does what wx.login does on the phone (page wx.login): it returns a code that is good for five minutes and
// for one exchange, and it may replace the user's session key. An unknown user is made up; an empty openid means
// somebody new; an empty appid means the only mini program, and where there is not just one, whichever exchanges the
// code first. It mints codes of apps that the Server does not know, too: they are codes of another app to everybody.
func (s *Server) Login(appid, openid string) string {
	if openid == "" {
		openid = newOpenID()
	}
	now := s.opts.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if minis := s.miniApps(); appid == "" && len(minis) == 1 {
		appid = minis[0]
	}
	c := &code{appid: appid, openid: openid, made: now}
	if appid != "" {
		c.user = s.user(now, appid, openid)
		// The rotation belongs to the making of the code, not to its exchange (open-data signature page).
		s.turnKey(c.user, c)
	}
	s.noteIssue(now, c)
	value := newLoginCode()
	s.loginCodes.put(now, value, c)
	return value
}

// SessionKey returns the user's current session key, or "" for somebody who has none (api_checksessionkey: one valid
// key per user and app at any moment).
func (s *Server) SessionKey(appid, openid string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users.use(userKey(appid, openid))
	if !ok {
		return ""
	}
	return u.sessionKey
}

// SetSessionKey replaces the user's session key, as any login on another device might; "" plays one that has expired
// (page wx.checkSession: its life is not published). A key that is not 16 bytes in base64 makes later open data fail.
func (s *Server) SetSessionKey(appid, openid, key string) {
	s.change(appid, openid, func(u *user, now time.Time) { u.sessionKey, u.keyMade = key, now })
}

// SetUnionID gives the user another unionid, or none with "": binding an app to the Open Platform later makes one
// appear for known users (page union-id).
func (s *Server) SetUnionID(appid, openid, unionID string) {
	s.change(appid, openid, func(u *user, _ time.Time) { u.unionID = unionID })
}

// SetPhone gives the user another number, such as ("1", "5550100") (page getPhoneNumber). Default: a made-up number
// of country 86 that stays the same for an openid.
func (s *Server) SetPhone(appid, openid, countryCode, number string) {
	s.change(appid, openid, func(u *user, _ time.Time) { u.countryCode, u.phone = countryCode, number })
}

// SetNickname gives the user another name in sns/userinfo, such as "李静" (Wechat_webpage_authorization). What
// wx.getUserInfo says stays as it is for everybody since 2022. Default: 微信用户.
func (s *Server) SetNickname(appid, openid, nickname string) {
	s.change(appid, openid, func(u *user, _ time.Time) { u.nickname = nickname })
}

// SetRisky makes WeChat refuse the user's codes with 40226, or stop doing so (api_code2session: high-risk user;
// for the codes of sns/oauth2 it is our choice).
func (s *Server) SetRisky(appid, openid string, risky bool) {
	s.change(appid, openid, func(u *user, _ time.Time) { u.risky = risky })
}

func (s *Server) change(appid, openid string, f func(*user, time.Time)) {
	now := s.opts.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.user(now, appid, openid), now)
}
