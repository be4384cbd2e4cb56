// fuzz_test.go: no bytes make a reader panic or let a misshapen identity through.

package weixin

import (
	"encoding/base64"
	stdjson "encoding/json"
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
		`{"access_token":"t","expires_in":7200,"openid":"oA","scope":"snsapi_base","is_snapshotuser":1}`,
		`{"access_token":"t","openid":"oA","is_snapshotuser":"1"}`, `{"access_token":"t","openid":"oA","is_snapshotuser":1.0,"Is_snapshotuser":0}`,
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
		} else if err == nil && saysSnapshot(body) && !token.Snapshot {
			t.Errorf("a snapshot user is somebody: %q", body)
		} else if err != nil && token != (OAuthAnswer{}) {
			t.Errorf("%q: %v with %v", body, err, token)
		}
		if info, err := readUserInfo(CallUserInfo, a, "oA"); err == nil {
			var w wire
			if err := json.Unmarshal(info.Object, &w); err != nil || string(w.OpenID) != `"oA"` || w.Errcode != nil {
				t.Errorf("%q: user info %q, %v", body, info.Object, err)
			}
		}
		_, _, _ = readTicket(CallJSAPITicket, a)
		_, _ = readPhone(CallPhoneNumber, a)
		_ = readOK(CallCheckSession, a)
	})
}

// saysSnapshot reads is_snapshotuser as a reader of another house does.
func saysSnapshot(body []byte) bool {
	var members map[string]any
	if err := stdjson.Unmarshal(body, &members); err != nil {
		return false
	}
	switch v := members["is_snapshotuser"].(type) {
	case nil:
		return false
	case bool:
		return v
	case float64:
		return v != 0
	case string:
		return v != "" && v != "0"
	default:
		return true
	}
}
