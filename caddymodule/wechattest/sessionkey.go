// sessionkey.go: GET /wxa/checksession and /wxa/resetusersessionkey, the server's questions about a session key.

package wechattest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"
)

type resetAnswer struct {
	refusal
	OpenID     string `json:"openid"`
	SessionKey string `json:"session_key"`
}

// checkSession follows the page api_checksessionkey: does the caller hold the user's current key?
func (s *Server) checkSession(r request) answer {
	if _, _, errcode := s.keyHolder(r); errcode != 0 {
		return refuse(r.now, errcode)
	}
	return succeed(refusal{0, "ok"})
}

// resetUserSessionKey follows the page api_resetusersessionkey: a new key, and the old one is dead at once.
func (s *Server) resetUserSessionKey(r request) answer {
	u, appid, errcode := s.keyHolder(r)
	if errcode != 0 {
		return refuse(r.now, errcode)
	}
	if !s.app(r.now, appid).resetMinute.allow(r.now, time.Minute, s.opts.Quotas.ResetPerMinute) {
		return refuse(r.now, errMinuteQuota)
	}
	// keyMade stays: the new key inherits the age of the old one (api_resetusersessionkey).
	u.sessionKey = newSessionKey()
	return succeed(resetAnswer{refusal{0, "ok"}, u.openid, u.sessionKey})
}

// keyHolder finds the user whose session key signed the call. The parameters are in the query, as the pages' samples
// have them; their tables file three of them under "body".
func (s *Server) keyHolder(r request) (u *user, appid string, errcode int) {
	if r.method != http.MethodGet {
		return nil, "", errNotGET
	}
	appid, errcode = s.authorize(r)
	if errcode != 0 {
		return nil, "", errcode
	}
	openid, signature := r.query.Get("openid"), r.query.Get("signature")
	if openid == "" || signature == "" {
		return nil, "", errArguments
	}
	if r.query.Get("sig_method") != "hmac_sha256" {
		return nil, "", errSigMethod
	}
	u, ok := s.users.use(userKey(appid, openid))
	if !ok || u.sessionKey == "" {
		return nil, "", errNoSessionKey
	}
	if !hmac.Equal([]byte(signature), []byte(hmacHex(u.sessionKey, ""))) {
		return nil, "", errSignature
	}
	return u, appid, 0
}

// hmacHex takes the session key as the text it is, not as the 16 bytes it stands for (mini-game page "user login
// state signature", whose example is in testdata).
func hmacHex(sessionKey, message string) string {
	mac := hmac.New(sha256.New, []byte(sessionKey))
	mac.Write([]byte(message))
	return hex.EncodeToString(mac.Sum(nil))
}
