// secrets_test.go: what must be in no log and no answer (C13, H15, L1, L2), and
// values that would break a header (H17).

package wechatauth_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// A whole day of a gateway in a minute: logins good and bad, open data, phones,
// WeChat out of order, two apps, pages with cookies. The log at DEBUG and all
// answers are then searched for everything that is nobody's business.
func TestNoSecretsAnywhere(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Apps: []string{gatewaytest.AppA, gatewaytest.AppB}, Auth: "wechat_auth {\n app *\n cookie\n public /public/*\n}"})
	private := map[string]string{gatewaytest.SecretA: "secret", gatewaytest.SecretB: "secret"}
	var answers strings.Builder
	note := func(kind, text string) string { private[text] = kind; return text }
	post := func(c *gatewaytest.Client, target, token, body string) gatewaytest.Reply {
		t.Helper()
		got := c.Do(t, gatewaytest.Call{Method: "POST", Target: target, Token: token, Body: body, Header: gatewaytest.Header("Content-Type", "application/json")})
		fmt.Fprintln(&answers, got.Header, got.Body)
		return got
	}
	loginBody := func(code string) string { return fmt.Sprintf(`{"code":%q,"appid":%q}`, code, gatewaytest.AppA) }
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		code := note("code", gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice))
		got := c.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/login", Body: loginBody(code), Header: gatewaytest.Header("Content-Type", "application/json")})
		gatewaytest.RequireStatus(t, got, 200)
		token := note("token", tokenOf(t, got))
		note("session key", gw.Sim.SessionKey(gatewaytest.AppA, gatewaytest.Alice))
		post(c, "/wechat/login", "", loginBody(code))
		post(c, "/wechat/login", "", `{"code":"`+note("code", "unknown-code-"+strings.ToLower(code))+`","appid":"`+gatewaytest.AppA+`"`)
		for _, fault := range []wechattest.Fault{
			{ErrCode: 40029}, {ErrCode: 40125}, {ErrCode: -1}, {Status: 500}, {Drop: true}, {ErrCode: 45011},
		} {
			fault.Path = wechattest.PathCode2Session
			if err := gw.Sim.Fault(fault); err != nil {
				t.Fatal(err)
			}
			post(c, "/wechat/login", "", loginBody(note("code", gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice))))
		}
		info, err := gw.Sim.UserInfo(gatewaytest.AppA, gatewaytest.Alice)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := json.Marshal(info)
		if got := post(c, "/wechat/userinfo", token, string(body)); got.Status != 200 {
			t.Errorf("userinfo: %v", got)
		}
		post(c, "/wechat/userinfo", token, strings.Replace(string(body), `"iv":"`, `"iv":"AAAA`, 1))
		phone, err := gw.Sim.Phone(gatewaytest.AppA, gatewaytest.Alice)
		if err != nil {
			t.Fatal(err)
		}
		note("phone code", phone.Code)
		post(c, "/wechat/phone", token, fmt.Sprintf(`{"code":%q}`, phone.Code))
		post(c, "/wechat/opendata", token, fmt.Sprintf(`{"encryptedData":%q,"iv":%q}`, phone.EncryptedData, phone.IV))
		for _, x := range []gatewaytest.Call{
			{Target: "/api", Token: token}, {Target: "/public/x", Token: token}, {Target: "/api", Header: gatewaytest.Header("Cookie", gatewaytest.CookieName+"="+token)},
			{Target: "/wechat/session", Token: token}, {Target: "/api", Token: token[:len(token)-3]}, {Target: "/wechat/session?check=wechat", Token: token},
			{Target: "/wechat/logout", Method: "POST", Token: token}, {Target: "/api", Token: token},
		} {
			got := c.Do(t, x)
			fmt.Fprintln(&answers, got.Header, got.Body)
		}
		for _, seen := range gw.Upstream.Requests() {
			for text, kind := range private {
				if strings.Contains(seen.Raw, text) {
					t.Errorf("the upstream saw the %s:\n%s", kind, seen.Raw)
				}
			}
		}
	})
	for _, c := range gw.Sim.Calls() {
		for _, name := range []string{"access_token", "signature"} {
			if v := c.Query.Get(name); v != "" {
				note(name, v)
			}
		}
	}
	log := gw.Logs(t)
	if strings.Count(log, `"msg":"login"`) < 20 || !strings.Contains(log, `"level":"debug"`) {
		t.Fatal("the log does not tell of the logins")
	}
	for text, kind := range private {
		if text == "" {
			t.Fatalf("no %s", kind)
		}
		for where, all := range map[string]string{"log": log, "answers": answers.String()} {
			if i := strings.Index(all, text); i >= 0 {
				t.Errorf("the %s is in the %s: ...%s...", kind, where, all[max(0, i-200):min(len(all), i+len(text)+50)])
			}
		}
	}
}

// A client writes line breaks and JSON where a text is logged. Each line of the
// log stays one line, and one object.
func TestLogLines(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	for _, text := range []string{"a\n{\"level\":\"error\",\"msg\":\"forged\"}", "\x1b[31mred\x1b[0m", "\u2028x", "a\r\nb"} {
		body, _ := json.Marshal(map[string]string{"code": text, "appid": text})
		gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/login", Body: string(body), Header: gatewaytest.Header("Content-Type", "application/json")})
		gw.H1.Exact(t, gatewaytest.ExactCall{Target: "/api/%0a%7b%22level%22:%22error%22%7d%1b[31m"})
	}
	lines := bufio.NewScanner(strings.NewReader(gw.Logs(t)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry struct{ Level, Msg string }
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil || entry.Msg == "forged" || strings.ContainsAny(lines.Text(), "\x1b\r") {
			t.Errorf("%v in %q", err, lines.Text())
		}
	}
}

// WeChat, or whoever answers in its place, gives an openid that would end a
// header and begin another: there is no login, and nothing is kept.
func TestBrokenOpenID(t *testing.T) {
	for name, openid := range map[string]string{
		"empty": "", "header": "o\r\nX-WeChat-OpenID: " + gatewaytest.Eve, "NUL": "o\x00", "DEL": "o\x7f", "space": "o b", "not ASCII": "ö", "comma": "o,b",
		"too long": strings.Repeat("o", 65), "line end": "o\n", "markup": "<o>", "placeholder": "{env.HOME}", "path": "../o", "semicolon": "o;b", "colon": "o:b",
	} {
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.Start(t, gatewaytest.Setup{}) // a fresh one: after a few such answers it asks no more
			text, _ := json.Marshal(map[string]string{"openid": openid, "session_key": "AAAAAAAAAAAAAAAAAAAAAA=="})
			body := string(text)
			if err := gw.Sim.Fault(wechattest.Fault{Path: wechattest.PathCode2Session, Body: &body}); err != nil {
				t.Fatal(err)
			}
			got := gw.H1.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice))
			if got.Status != 502 || !strings.Contains(got.Body, `"wechat_error"`) || strings.Contains(got.Body, "session_key") {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
	}
}

// A nickname holds line breaks, a header of its own, quotes and emoji; another is
// longer than any backend's headers may be. The user is served all the same, and
// the backend sees nothing but base64url, or no such header.
func TestNicknamesInHeaders(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	for nickname, shown := range map[string]bool{
		"a\r\nX-WeChat-OpenID: " + gatewaytest.Eve: true, "\x00\x7f\u200b\u2028 \ttab": true, "{env.HOME}{http.auth.user.id}": true, "微信👩‍👩‍👧": true,
		strings.Repeat("长", 1500): false,
	} {
		token := gatewaytest.Login(t, gw, gatewaytest.Alice)
		raw, _ := json.Marshal(map[string]string{"nickName": nickname})
		sum := sha1.Sum(append(raw, gw.Sim.SessionKey(gatewaytest.AppA, gatewaytest.Alice)...))
		body, _ := json.Marshal(map[string]string{"rawData": string(raw), "signature": hex.EncodeToString(sum[:])})
		got := gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/userinfo", Token: token, Body: string(body), Header: gatewaytest.Header("Content-Type", "application/json")})
		gatewaytest.RequireStatus(t, got, 200)
		gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
			gatewaytest.RequireStatus(t, c.Do(t, gatewaytest.Call{Target: "/api", Token: token}), 200)
			seen := gw.Upstream.Only(t)
			gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
			value := seen.Get("X-WeChat-UserInfo")
			if (value != "") != shown {
				t.Fatalf("X-WeChat-UserInfo: %q", value)
			}
			var info struct{ NickName string }
			text, err := base64.RawURLEncoding.DecodeString(value)
			if shown && (err != nil || json.Unmarshal(text, &info) != nil || info.NickName != nickname) {
				t.Errorf("%q is %q %v; want %q", value, text, err, nickname)
			}
		})
	}
}
