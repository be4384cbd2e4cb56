// snsuser.go: GET /sns/userinfo and /sns/auth, what a user's own access_token is good for.

package wechattest

import (
	"net/http"
	"strings"
)

// snsUserInfoAnswer has the fields of Wechat_webpage_authorization. Sex and region are no longer filled.
type snsUserInfoAnswer struct {
	OpenID     string   `json:"openid"`
	Nickname   string   `json:"nickname"`
	Sex        int      `json:"sex"`
	Province   string   `json:"province"`
	City       string   `json:"city"`
	Country    string   `json:"country"`
	HeadImgURL string   `json:"headimgurl"`
	Privilege  []string `json:"privilege"`
	UnionID    string   `json:"unionid,omitempty"`
}

// snsUserInfo follows Wechat_webpage_authorization: a token of snsapi_base is not enough, 48001.
func (s *Server) snsUserInfo(r request) answer {
	t, errcode := s.userTokenOf(r)
	if errcode != 0 {
		return refuse(r.now, errcode)
	}
	if t.scope == scopeBase {
		return refuse(r.now, errUnauthorized)
	}
	return succeed(snsUserInfoAnswer{OpenID: t.user.openid, Nickname: t.user.nickname, HeadImgURL: anonymous.AvatarURL,
		Privilege: []string{}, UnionID: t.user.unionID})
}

// snsAuth follows Wechat_webpage_authorization: is this token that user's, and alive?
func (s *Server) snsAuth(r request) answer {
	if _, errcode := s.userTokenOf(r); errcode != 0 {
		return refuse(r.now, errcode)
	}
	return succeed(refusal{0, "ok"})
}

// userTokenOf tells a malformed token (40014), one that nobody made (40001), an old one (42001) and one of another user
// (40003) apart; the app's own access_token is one that nobody made.
func (s *Server) userTokenOf(r request) (*userToken, int) {
	if r.method != http.MethodGet {
		return nil, errNotGET
	}
	value := r.query.Get("access_token")
	if value == "" {
		return nil, errTokenMissing
	}
	t, ok := s.userTokens.get(r.now, value)
	switch {
	case !ok && (len(value) != tokenLength || !strings.HasPrefix(value, tokenPrefix)):
		return nil, errTokenMalformed
	case !ok:
		return nil, errToken
	case t.value != value || !r.now.Before(t.expires):
		return nil, errTokenExpired
	case r.query.Get("openid") != t.user.openid:
		return nil, errOpenID
	}
	return t, 0
}
