// accesstoken.go: the two ways to an access_token, and what a call says to a bad one.

package wechattest

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	tokenLifetime = 2 * time.Hour   // expires_in 7200 (api_getaccesstoken)
	tokenOverlap  = 5 * time.Minute // old and new are both valid this long (api_getaccesstoken, api_getstableaccesstoken)
)

// app is what WeChat remembers about a caller.
type app struct {
	stable, plain *accessToken // of stable_token and of token: neither call touches the other's
	tickets       map[string]ticket

	stableMinute, stableDay, forceDay, tokenDay, resetMinute, oauthMinute, ticketDay window
	lastForce                                                                        time.Time
}

// accessToken ends in two ways that WeChat tells apart: its time is over, or a later one took its place.
type accessToken struct {
	value    string
	appid    string
	expires  time.Time
	replaced time.Time // zero: not replaced
}

type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"`
}

func (s *Server) app(now time.Time, appid string) *app {
	a, ok := s.apps.use(appid)
	if !ok {
		a = new(app)
		s.apps.put(now, appid, a)
	}
	return a
}

func (s *Server) mintToken(now time.Time, appid string) *accessToken {
	t := &accessToken{value: newAccessToken(), appid: appid, expires: now.Add(tokenLifetime)}
	s.tokens.put(now, t.value, t)
	return t
}

// answer gives the remaining time, not the whole of it.
func (t *accessToken) answer(now time.Time) answer {
	return succeed(tokenAnswer{t.value, int(t.expires.Sub(now) / time.Second)})
}

// token follows the page api_getaccesstoken: each call makes a new one and ends the one before, after an overlap. Apps
// of the Open Platform have no API of this kind; 40013 for them is our choice, here and for stable_token.
func (s *Server) token(r request) answer {
	if r.method != http.MethodGet {
		return refuse(r.now, errNotGET)
	}
	appid := r.query.Get("appid")
	if r.query.Get("grant_type") != "client_credential" {
		return refuse(r.now, errGrantType)
	}
	if errcode := s.checkCredentials(appid, r.query.Get("secret")); errcode != 0 {
		return refuse(r.now, errcode)
	}
	if !s.is(appid, KindMini, KindOfficial) {
		return refuse(r.now, errAppID)
	}
	a := s.app(r.now, appid)
	if !a.tokenDay.allow(r.now, day, s.opts.Quotas.TokenPerDay) {
		return refuse(r.now, errDayQuota)
	}
	if a.plain != nil {
		a.plain.replaced = r.now.Add(tokenOverlap)
	}
	a.plain = s.mintToken(r.now, appid)
	return a.plain.answer(r.now)
}

// stableToken follows the page api_getstableaccesstoken: the same token until five minutes before its end, unless
// the caller forces a new one, which ends the old one at once. The page gives the limits of forcing but not the
// errcodes; 45011 for the gap and 45009 for the day are our choice.
func (s *Server) stableToken(r request) answer {
	if r.method != http.MethodPost {
		return refuse(r.now, errNotPOST)
	}
	var in struct {
		GrantType    string `json:"grant_type"`
		AppID        string `json:"appid"`
		Secret       string `json:"secret"`
		ForceRefresh bool   `json:"force_refresh"`
	}
	if json.Unmarshal(r.body, &in) != nil {
		return refuse(r.now, errNotJSON)
	}
	if in.GrantType != "client_credential" {
		return refuse(r.now, errGrantType)
	}
	if errcode := s.checkCredentials(in.AppID, in.Secret); errcode != 0 {
		return refuse(r.now, errcode)
	}
	if !s.is(in.AppID, KindMini, KindOfficial) {
		return refuse(r.now, errAppID)
	}
	a, quotas := s.app(r.now, in.AppID), s.opts.Quotas
	if !a.stableMinute.allow(r.now, time.Minute, quotas.StableTokenPerMinute) {
		return refuse(r.now, errMinuteQuota)
	}
	if !a.stableDay.allow(r.now, day, quotas.StableTokenPerDay) {
		return refuse(r.now, errDayQuota)
	}
	if in.ForceRefresh {
		if r.now.Sub(a.lastForce) < quotas.ForceRefreshGap {
			return refuse(r.now, errMinuteQuota)
		}
		if !a.forceDay.allow(r.now, day, quotas.ForceRefreshPerDay) {
			return refuse(r.now, errDayQuota)
		}
		a.lastForce = r.now
		if a.stable != nil {
			a.stable.replaced = r.now
			a.stable = nil
		}
	}
	if a.stable == nil || a.stable.expires.Sub(r.now) <= tokenOverlap {
		a.stable = s.mintToken(r.now, in.AppID)
	}
	return a.stable.answer(r.now)
}

// authorize returns the app of the query's access_token, or the errcode for it (global errcode list). A well-formed
// token that nobody here made is "invalid or not latest", 40001.
func (s *Server) authorize(r request) (appid string, errcode int) {
	value := r.query.Get("access_token")
	if value == "" {
		return "", errTokenMissing
	}
	t, ok := s.tokens.get(r.now, value)
	switch {
	case !ok && (len(value) != tokenLength || !strings.HasPrefix(value, tokenPrefix)):
		return "", errTokenMalformed
	case !ok:
		return "", errToken
	case !t.replaced.IsZero() && !r.now.Before(t.replaced):
		return "", errToken
	case !r.now.Before(t.expires):
		return "", errTokenExpired
	}
	return t.appid, 0
}

// authorizeFor is authorize for a call that only some kinds of app have. What the others hear is our choice.
func (s *Server) authorizeFor(r request, kinds ...Kind) (appid string, errcode int) {
	appid, errcode = s.authorize(r)
	if errcode == 0 && !s.is(appid, kinds...) {
		errcode = errUnauthorized
	}
	return appid, errcode
}
