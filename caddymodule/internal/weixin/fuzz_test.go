// fuzz_test.go: no bytes make a reader panic or let a misshapen identity through.

package weixin

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

func FuzzReadAnswer(f *testing.F) {
	for _, seed := range []string{
		goodAnswer, ``, `null`, `{}`, `[]`, `{"errcode":0}`, `{"errcode":-1,"errmsg":"system error"}`,
		`{"errcode":40029,"errmsg":"invalid code, rid: 6270dbb5-47d9f324-018472b7"}`,
		`{"errcode":40164,"errmsg":"invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist rid: 1-2-3"}`,
		`{"openid":"oA","OPENID":"oEVE","session_key":"tiihtNczf5v6AKRyjwEUhQ=="}`,
		`{"openid":"oA","openid":"oEVE","session_key":"tiihtNczf5v6AKRyjwEUhQ=="}`,
		`{"openid":"oA","session_key":"tiihtNczf5v6AKRyjwEUhQ=="}{}`, "\xef\xbb\xbf{}",
		`{"access_token":"t","expires_in":7200}`, goodOAuth, `{"ticket":"t","expires_in":7200,"errcode":0}`,
		`{"openid":"oA","nickname":"\ud800","errcode":0,"errmsg":"ok","privilege":[]}`,
		`{"errcode":0,"phone_info":{"phoneNumber":"1","purePhoneNumber":"1","countryCode":86,"watermark":{"appid":"wx","timestamp":1}}}`,
	} {
		f.Add(200, []byte(seed))
	}
	id := regexp.MustCompile(`\A[A-Za-z0-9_-]{1,64}\z`)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a := answer{status, body}
		session, err := readSession(CallCode2Session, a)
		if err == nil {
			raw, decodeErr := base64.StdEncoding.DecodeString(session.SessionKey)
			if status != 200 || !id.MatchString(session.OpenID) || decodeErr != nil || len(raw) != 16 ||
				session.UnionID != "" && !id.MatchString(session.UnionID) {
				t.Errorf("a misshapen session from %q", body)
			}
		} else if session != (SessionAnswer{}) || KindOf(err) == "" {
			t.Errorf("%q: %v with %v", body, err, session)
		} else if strings.ContainsAny(err.Error(), "\r\n\x00") {
			t.Errorf("a control character in %q", err)
		}
		if _, life, err := readToken(CallStableToken, a); err == nil && life <= 0 {
			t.Errorf("a token without life from %q", body)
		}
		if token, err := readOAuth(CallOAuthToken, a); err == nil && (status != 200 || !id.MatchString(token.OpenID) ||
			token.UnionID != "" && !id.MatchString(token.UnionID) || token.UserToken.reveal() == "") {
			t.Errorf("a misshapen token from %q", body)
		} else if err != nil && token != (OAuthAnswer{}) {
			t.Errorf("%q: %v with %v", body, err, token)
		}
		if info, err := readUserInfo(CallUserInfo, a, "oA"); err == nil {
			var w wire
			if err := json.Unmarshal(info.Object, &w); err != nil || string(w.OpenID) == "" || w.Errcode != nil {
				t.Errorf("%q: user info %q, %v", body, info.Object, err)
			}
		}
		_, _, _ = readTicket(CallJSAPITicket, a)
		_, _ = readPhone(CallPhoneNumber, a)
		_ = readOK(CallCheckSession, a)
	})
}
