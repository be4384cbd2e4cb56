// userinfo_test.go: POST /wechat/userinfo, and what the backend is told of it.

package wechatauth_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// requireSameJSON fails unless two texts are the same JSON.
func requireSameJSON(t *testing.T, got, want string) {
	t.Helper()
	var a, b any
	if json.Unmarshal([]byte(got), &a) != nil || json.Unmarshal([]byte(want), &b) != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("got %s; want %s", got, want)
	}
}

// requireUserInfo fails unless the session and the backend know the user info,
// the backend in a header that is base64url and nothing else.
func requireUserInfo(t *testing.T, gw *gatewaytest.Gateway, app, token, want string, unionid any) {
	t.Helper()
	m := gatewaytest.SessionOf(t, gw, token)
	info, err := json.Marshal(m["userinfo"])
	if err != nil {
		t.Fatal(err)
	}
	requireSameJSON(t, string(info), want)
	if m["unionid"] != unionid {
		t.Errorf("unionid %v of the session; want %v", m["unionid"], unionid)
	}
	gw.Upstream.Reset()
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Target: "/me", Token: token}), 200)
	seen := gw.Upstream.Only(t)
	gatewaytest.RequireIdentityApp(t, seen, app, m["openid"].(string))
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(seen.Get("X-WeChat-UserInfo"))
	if err != nil {
		t.Errorf("X-WeChat-UserInfo is not base64url: %v", err)
	}
	requireSameJSON(t, string(decoded), want)
	if got := seen.Get("X-WeChat-UnionID"); unionid != nil && got != unionid || unionid == nil && got != "" {
		t.Errorf("X-WeChat-UnionID %q; want %v", got, unionid)
	}
}

// All three forms of user info, kept on the session; before it, the backend hears
// of none.
func TestUserInfo(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Sim: gatewaytest.FreshKeys()})
	for name, pick := range map[string][]string{
		"signed": {"rawData", "signature"}, "encrypted": {"encryptedData", "iv"}, "both": {"rawData", "signature", "encryptedData", "iv"},
	} {
		t.Run(name, func(t *testing.T) {
			token, other := gatewaytest.Login(t, gw, gatewaytest.Alice), gatewaytest.Login(t, gw, gatewaytest.Alice)
			gw.Upstream.Reset()
			gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Target: "/me", Token: token}), 200)
			if seen := gw.Upstream.Only(t); seen.Get("X-WeChat-UserInfo") != "" || gatewaytest.SessionOf(t, gw, token)["userinfo"] != nil {
				t.Error("there is user info before it was verified")
			}
			info, all, body := gatewaytest.UserInfoOf(t, gw, gatewaytest.Alice), make(gatewaytest.Members), make(gatewaytest.Members)
			addTo(all, info)
			for _, name := range pick {
				body[name] = all[name]
			}
			got := gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, body))
			gatewaytest.RequireStatus(t, got, 200)
			m := gatewaytest.JSON(t, got)
			if m["nickName"] != "微信用户" || m["watermark"] != nil || name != "signed" && m["openId"] != gatewaytest.Alice {
				t.Errorf("user info %s", got.Body)
			}
			requireUserInfo(t, gw, gatewaytest.AppA, token, got.Body, gatewaytest.SessionOf(t, gw, token)["unionid"])
			if gatewaytest.SessionOf(t, gw, other)["userinfo"] != nil {
				t.Error("another session has it, too")
			}
		})
	}
}

// rawData is hashed as it came: the same JSON written otherwise, a signature in
// capitals, of nothing, or made with another's key is not signed (H5). rawData
// that names somebody else is no proof of that, signed as it may be.
func TestRawDataSignature(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Sim: gatewaytest.FreshKeys()})
	gatewaytest.Login(t, gw, gatewaytest.Eve)
	signed := func(text string) func(string, string) (string, string) {
		return func(_, key string) (string, string) { return text, gatewaytest.SHA1(text + key) }
	}
	for name, spoil := range map[string]func(raw, key string) (rawData, signature string){
		"a blank more": func(raw, key string) (string, string) {
			return strings.Replace(raw, ",", ", ", 1), gatewaytest.SHA1(raw + key)
		},
		"escaped": func(raw, key string) (string, string) {
			return strings.Replace(raw, "微", `\u5fae`, 1), gatewaytest.SHA1(raw + key)
		},
		"capitals":        func(raw, key string) (string, string) { return raw, strings.ToUpper(gatewaytest.SHA1(raw + key)) },
		"short":           func(raw, key string) (string, string) { return raw, gatewaytest.SHA1(raw + key)[:39] },
		"long":            func(raw, key string) (string, string) { return raw, gatewaytest.SHA1(raw+key) + "0" },
		"without the key": func(raw, key string) (string, string) { return raw, gatewaytest.SHA1(raw) },
		"key of another": func(raw, key string) (string, string) {
			return raw, gatewaytest.UserInfoOf(t, gw, gatewaytest.Eve).Signature
		},
		"key and text":      func(raw, key string) (string, string) { return raw, gatewaytest.SHA1(key + raw) },
		"part of the key":   func(raw, key string) (string, string) { return raw + key[:4], gatewaytest.SHA1(raw + key) },
		"not JSON":          signed("hello"),
		"an array":          signed("[]"),
		"two documents":     signed("{}{}"),
		"openId of eve":     signed(`{"openId":"` + gatewaytest.Eve + `"}`),
		"a member twice":    signed(`{"a":1,"a":2}`),
		"a blank, signed":   signed(" "),
		"a text that ended": signed(`{"nickName":"a`),
	} {
		t.Run(name, func(t *testing.T) {
			token := gatewaytest.Login(t, gw, gatewaytest.Alice) // each has its own count of failures
			rawData, signature := spoil(gatewaytest.UserInfoOf(t, gw, gatewaytest.Alice).RawData, gw.Sim.SessionKey(gatewaytest.AppA, gatewaytest.Alice))
			got := gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, gatewaytest.Members{"rawData": rawData, "signature": signature}))
			gatewaytest.RequireProblem(t, got, 400, "invalid_data")
			if gatewaytest.SessionOf(t, gw, token)["userinfo"] != nil {
				t.Error("it was kept all the same")
			}
		})
	}
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	info := gatewaytest.UserInfoOf(t, gw, gatewaytest.Alice)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, gatewaytest.Members{"rawData": info.RawData, "signature": info.Signature})), 200)
	for _, body := range []gatewaytest.Members{
		{}, {"rawData": info.RawData}, {"signature": info.Signature}, {"encryptedData": info.EncryptedData}, {"iv": info.IV},
		{"rawData": "", "signature": ""}, {"code": "x"},
	} {
		gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, body)), 400, "invalid_request")
	}
}

// Names that break headers, logs and templates (H17, H28): the backend gets them
// in one line of base64url, the client as JSON, and nobody expands them.
func TestOddNicknames(t *testing.T) {
	t.Setenv("WECHAT_CANARY", "canary-8f14e45fceea167a")
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Sim: gatewaytest.FreshKeys(), Site: `wechat_auth
		request_header X-Copy {http.auth.user.userinfo}
		header >X-Back {http.auth.user.userinfo}
		reverse_proxy <UPSTREAM> {
			header_up X-Again {http.auth.user.userinfo}
		}`})
	for name, nickname := range map[string]string{
		"control characters": "a\x00b\x01c\x7fd\u0085e",
		"newlines":           "a\r\nX-WeChat-OpenID: " + gatewaytest.Eve + "\r\n\r\nGET /admin HTTP/1.1",
		"emoji":              "👩‍👩‍👧‍👦 🏳️‍🌈",
		"placeholder":        "{env.WECHAT_CANARY}",
		"nested placeholder": "{env.{env.WECHAT_CANARY}}{file./etc/hostname}{http.request.header.Authorization}",
		"Caddyfile":          "{$WECHAT_CANARY}",
		"template":           `{{env "WECHAT_CANARY"}}`,
		"markup":             `<script>alert(1)</script>&"'`,
		"bidi and joiners":   "\u202egnp.exe\u200b\ufeff",
		"blanks":             "  \t a \t ",
		"ANSI":               "\x1b[31mred\x1b[0m",
		"a log line":         `"}` + "\n" + `{"level":"error","msg":"forged"}`,
	} {
		t.Run(name, func(t *testing.T) {
			token := gatewaytest.Login(t, gw, gatewaytest.Alice)
			quoted, err := json.Marshal(nickname)
			if err != nil {
				t.Fatal(err)
			}
			plain := fmt.Sprintf(`{"openId":%q,"nickName":%s`, gatewaytest.Alice, quoted)
			got := gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, gatewaytest.Sealed(t, gw, gatewaytest.Alice, fmt.Sprintf(`%s,"watermark":{"timestamp":%d,"appid":%q}}`, plain, time.Now().Unix(), gatewaytest.AppA))))
			gatewaytest.RequireStatus(t, got, 200)
			if gatewaytest.JSON(t, got)["nickName"] != nickname {
				t.Errorf("nickname %q", gatewaytest.JSON(t, got)["nickName"])
			}
			gw.Upstream.Reset()
			answer := gw.H1.Do(t, gatewaytest.Call{Target: "/me", Token: token})
			gatewaytest.RequireStatus(t, answer, 200)
			seen := gw.Upstream.Only(t)
			gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
			value := seen.Get("X-WeChat-UserInfo")
			if seen.Get("X-Copy") != value || seen.Get("X-Again") != value || answer.Header.Get("X-Back") != value {
				t.Error("the placeholder is not the header")
			}
			decoded, err := base64.RawURLEncoding.DecodeString(value)
			if err != nil || !strings.Contains(string(decoded), `"nickName":`) || gatewaytest.JSON(t, gatewaytest.Reply{Body: string(decoded)})["nickName"] != nickname {
				t.Errorf("the header is %q, %v", decoded, err)
			}
			if all := seen.Raw + fmt.Sprint(answer.Header) + got.Body + string(decoded); strings.Contains(all, "canary-8f14e45fceea167a") {
				t.Error("a placeholder in a nickname was expanded")
			}
		})
	}
	if strings.Contains(gw.Logs(t), `"msg":"forged"`) {
		t.Error("a nickname wrote a line of the log")
	}
}

// User info beyond 4 KiB would make backends refuse every request of that user: it
// is left out of the header, and can be had from the session.
func TestBigUserInfo(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Sim: gatewaytest.FreshKeys()})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	size := func(encoded int) string { // user info whose header has so many bytes
		frame := fmt.Sprintf(`{"openId":%q,"city":""}`, gatewaytest.Alice)
		return strings.Repeat("x", encoded*3/4-len(frame))
	}
	for encoded, inHeader := range map[int]bool{4096: true, 4100: false, 6000: false} {
		plain := fmt.Sprintf(`{"openId":%q,"city":%q`, gatewaytest.Alice, size(encoded))
		body := gatewaytest.Sealed(t, gw, gatewaytest.Alice, fmt.Sprintf(`%s,"watermark":{"timestamp":%d,"appid":%q}}`, plain, time.Now().Unix(), gatewaytest.AppA))
		gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, body)), 200)
		gw.Upstream.Reset()
		gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Target: "/me", Token: token}), 200)
		seen := gw.Upstream.Only(t)
		gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
		if got := seen.Get("X-WeChat-UserInfo"); (got != "") != inHeader || got != "" && len(got) != encoded {
			t.Errorf("a header of %d bytes; of %d, in: %v", len(got), encoded, inHeader)
		}
		info, err := json.Marshal(gatewaytest.SessionOf(t, gw, token)["userinfo"])
		if err != nil {
			t.Fatal(err)
		}
		requireSameJSON(t, string(info), plain+"}")
	}
}
