// phone_test.go: phone numbers, by the button's code and by encrypted data, and
// the access token that the former needs.

package wechatauth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// A number comes in either way, is kept on the session, and reaches the backend
// in the one form of E.164.
func TestPhone(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	for name, test := range map[string]struct{ country, number, wantNumber, e164 string }{
		"mainland":  {"86", "13800000000", "13800000000", "+8613800000000"},
		"elsewhere": {"1", "2125550100", "+12125550100", "+12125550100"},
		"Macau":     {"853", "66000000", "+85366000000", "+85366000000"},
	} {
		for _, way := range []string{"code", "data"} {
			t.Run(name+" by "+way, func(t *testing.T) {
				gw.Sim.SetPhone(gatewaytest.AppA, gatewaytest.Alice, test.country, test.number)
				token := gatewaytest.Login(t, gw, gatewaytest.Alice)
				p := gatewaytest.PhoneOn(t, gw, gatewaytest.Alice)
				body := gatewaytest.Members{"code": p.Code}
				if way == "data" {
					body = gatewaytest.Members{"encryptedData": p.EncryptedData, "iv": p.IV}
				}
				got := gw.H1.Do(t, gatewaytest.Post("/wechat/phone", token, body))
				gatewaytest.RequireStatus(t, got, 200)
				want := gatewaytest.Members{"phoneNumber": test.wantNumber, "purePhoneNumber": test.number, "countryCode": test.country}
				if m := gatewaytest.JSON(t, got); fmt.Sprint(m) != fmt.Sprint(want) {
					t.Errorf("answer %v; want %v", m, want)
				}
				if m, _ := gatewaytest.SessionOf(t, gw, token)["phone"].(map[string]any); fmt.Sprint(gatewaytest.Members(m)) != fmt.Sprint(want) {
					t.Errorf("session %v; want %v", m, want)
				}
				gw.Upstream.Reset()
				gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Token: token}), 200)
				seen := gw.Upstream.Only(t)
				gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
				if got := seen.Get("X-WeChat-Phone"); got != test.e164 {
					t.Errorf("X-WeChat-Phone: %s; want %s", got, test.e164)
				}
			})
		}
	}
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	p := gatewaytest.PhoneOn(t, gw, gatewaytest.Alice)
	for _, body := range []gatewaytest.Members{
		{}, {"code": ""}, {"iv": p.IV}, {"encryptedData": p.EncryptedData},
		{"code": "a b"}, {"code": strings.Repeat("a", 129)}, {"code": 1},
	} {
		gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/phone", token, body)), 400, "invalid_request")
	}
	// all that the button gave: the code counts, and nothing makes up for a bad one
	bad := gatewaytest.Members{"code": "nobody-gave-this", "encryptedData": p.EncryptedData, "iv": p.IV}
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/phone", token, bad)), 400, "invalid_grant")
	gw.Sim.ResetCalls()
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/phone", token, gatewaytest.Members{"code": p.Code, "encryptedData": p.EncryptedData, "iv": p.IV})), 200)
	gatewaytest.RequireCalls(t, gw, wechattest.PathGetUserPhoneNumber, 1)
	// user info is no phone number, however well it verifies
	info := gatewaytest.UserInfoOf(t, gw, gatewaytest.Alice)
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/phone", token, gatewaytest.Members{"encryptedData": info.EncryptedData, "iv": info.IV})), 400, "invalid_data")
}

// A phone code is of one user and good once. Whoever sends another's code, or a
// login code, gets no number of anybody.
func TestPhoneCodeOfAnother(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	gatewaytest.Login(t, gw, gatewaytest.Eve)
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	eves := gatewaytest.PhoneOn(t, gw, gatewaytest.Eve).Code
	got := gw.H1.Do(t, gatewaytest.Post("/wechat/phone", token, gatewaytest.Members{"code": eves}))
	gatewaytest.RequireProblem(t, got, 400, "invalid_grant")
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginWith(eves)), 400, "invalid_grant")
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/phone", token, gatewaytest.Members{"code": gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice)})), 400, "invalid_grant")
	code := gatewaytest.PhoneOn(t, gw, gatewaytest.Alice).Code
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/phone", token, gatewaytest.Members{"code": code})), 200)
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/phone", token, gatewaytest.Members{"code": code})), 400, "invalid_grant")
	for _, c := range gw.Sim.Calls() {
		if c.Path == wechattest.PathGetUserPhoneNumber && !strings.Contains(c.Body, `"openid":"`+gatewaytest.Alice+`"`) {
			t.Error("WeChat was not told whose code it should be")
		}
	}
	// nor is a number of another app taken, should WeChat ever send one
	body := fmt.Sprintf(`{"errcode":0,"errmsg":"ok","phone_info":{"phoneNumber":"1","purePhoneNumber":"13800000000","countryCode":"86","watermark":{"timestamp":1,"appid":%q}}}`, gatewaytest.AppB)
	body = strings.Replace(body, `"1",`, `"13800000000",`, 1)
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathGetUserPhoneNumber, Body: &body})
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.ByCode(t, gw, token, gatewaytest.Alice)), 400, "invalid_data")
}

// Fifty numbers at once need one access token; a reload does not fetch another.
func TestAccessTokenOnce(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	calls := make([]gatewaytest.Call, 50)
	for i := range calls {
		token := gatewaytest.Login(t, gw, gatewaytest.User(i))
		calls[i] = gatewaytest.ByCode(t, gw, token, gatewaytest.User(i))
	}
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathStableToken, Delay: 100 * time.Millisecond})
	gw.Warm(t)
	var seen gatewaytest.Outcomes
	gatewaytest.Parallel(50, func(i int) { seen.Add(gw.Clients()[i%4].Try(calls[i])) })
	seen.Require(t, map[string]int{"200": 50})
	gatewaytest.RequireCalls(t, gw, wechattest.PathStableToken, 1)
	for i := range 3 {
		gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory + fmt.Sprintf("api_timeout %ds\n", 4+i)})
		token := gatewaytest.Login(t, gw, gatewaytest.Alice)
		gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.ByCode(t, gw, token, gatewaytest.Alice)), 200)
	}
	gatewaytest.RequireCalls(t, gw, wechattest.PathStableToken, 1)
	gatewaytest.RequireCalls(t, gw, wechattest.PathToken, 0) // that call would end other gateways' tokens
}

// WeChat calls the access token bad: it is renewed once, for all that wait, and
// the call repeated once. When that is no better, it is the operator's trouble.
func TestAccessTokenRenewed(t *testing.T) {
	for _, errcode := range []int{40001, 40014, 42001} {
		t.Run(fmt.Sprint(errcode), func(t *testing.T) {
			gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Sim: gatewaytest.FreshKeys()})
			token := gatewaytest.Login(t, gw, gatewaytest.Alice)
			gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.ByCode(t, gw, token, gatewaytest.Alice)), 200)
			gw.Sim.ResetCalls()
			x := gatewaytest.ByCode(t, gw, token, gatewaytest.Alice)
			gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathGetUserPhoneNumber, ErrCode: errcode})
			gatewaytest.RequireStatus(t, gw.H1.Do(t, x), 200)
			gatewaytest.RequireCalls(t, gw, wechattest.PathGetUserPhoneNumber, 2)
			forced := 0
			for _, c := range gw.Sim.Calls() {
				if c.Path == wechattest.PathStableToken && strings.Contains(c.Body, `"force_refresh":true`) {
					forced++
				}
			}
			if forced != 1 {
				t.Errorf("a new token was forced %d times; want once", forced)
			}

			gw.Sim.ResetCalls()
			gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathGetUserPhoneNumber, ErrCode: errcode, Times: 1000})
			got := gw.H1.Do(t, gatewaytest.ByCode(t, gw, token, gatewaytest.Alice))
			if m := gatewaytest.RequireProblem(t, got, 502, "wechat_error"); m["errcode"] != float64(errcode) {
				t.Errorf("errcode %v; want WeChat's %d", m["errcode"], errcode)
			}
			line := gw.AwaitLog(t, `"msg":"phone number"`, fmt.Sprintf(`"errcode":%d`, errcode), "a refresh was forced a short time ago")
			if rid, _ := line["rid"].(string); rid == "" {
				t.Error("the log has no rid")
			}
			if n := gw.Sim.CountCalls(wechattest.PathGetUserPhoneNumber); n > 2 {
				t.Errorf("the code was sent %d times; want at most 2", n)
			}
			if n := gw.Sim.CountCalls(wechattest.PathStableToken); n > 2 {
				t.Errorf("WeChat was asked %d times for a token", n)
			}
		})
	}
}

// WeChat's troubles with a number or a token, as the client hears of them. The
// token call's app secret is in no answer.
func TestPhoneErrcodes(t *testing.T) {
	for _, test := range []struct {
		path    string
		errcode int
		status  int
		code    string
	}{
		{wechattest.PathGetUserPhoneNumber, 40029, 400, "invalid_grant"},
		{wechattest.PathGetUserPhoneNumber, 40163, 400, "invalid_grant"},
		{wechattest.PathGetUserPhoneNumber, 40013, 400, "invalid_grant"},
		{wechattest.PathGetUserPhoneNumber, 40003, 400, "invalid_grant"},
		{wechattest.PathGetUserPhoneNumber, 45011, 429, "rate_limited"},
		{wechattest.PathGetUserPhoneNumber, 45009, 429, "rate_limited"},
		{wechattest.PathGetUserPhoneNumber, 48001, 502, "wechat_error"},
		{wechattest.PathGetUserPhoneNumber, -1, 503, "temporarily_unavailable"},
		{wechattest.PathStableToken, 40125, 502, "wechat_error"},
		{wechattest.PathStableToken, 40164, 502, "wechat_error"},
		{wechattest.PathStableToken, 40243, 502, "wechat_error"},
		{wechattest.PathStableToken, 45009, 429, "rate_limited"},
		{wechattest.PathStableToken, 45011, 429, "rate_limited"},
		{wechattest.PathStableToken, -1, 503, "temporarily_unavailable"},
	} {
		t.Run(fmt.Sprint(test.path, test.errcode), func(t *testing.T) {
			gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
			token := gatewaytest.Login(t, gw, gatewaytest.Alice)
			x := gatewaytest.ByCode(t, gw, token, gatewaytest.Alice)
			gatewaytest.Fault(t, gw, wechattest.Fault{Path: test.path, ErrCode: test.errcode})
			got := gw.H1.Do(t, x)
			m := gatewaytest.RequireProblem(t, got, test.status, test.code)
			if m["errcode"] != float64(test.errcode) {
				t.Errorf("errcode %v; want %d", m["errcode"], test.errcode)
			}
			if (got.Header.Get("Retry-After") != "") != (test.status == 429 || test.status == 503) {
				t.Errorf("Retry-After %q", got.Header.Get("Retry-After"))
			}
			if strings.Contains(got.Body, gatewaytest.SecretA) || strings.Contains(got.Body, "whitelist") {
				t.Error("the answer says too much")
			}
			if gatewaytest.SessionOf(t, gw, token)["phone"] != nil {
				t.Error("the session has a number")
			}
			line := gw.AwaitLog(t, `"msg":"phone number"`, fmt.Sprintf(`"errcode":%d`, test.errcode))
			if rid, _ := line["rid"].(string); rid == "" {
				t.Error("the log has no rid")
			}
		})
	}
}

// The client asks whether its session key still is WeChat's, and resets it with a
// logout, so that whoever got hold of it holds nothing.
func TestSessionKeyCheckAndReset(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	token, other := gatewaytest.Login(t, gw, gatewaytest.Alice), gatewaytest.Login(t, gw, gatewaytest.Alice)
	check := func(token string) any {
		t.Helper()
		got := gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/session?check=wechat", Token: token})
		gatewaytest.RequireStatus(t, got, 200)
		return gatewaytest.JSON(t, got)["session_key"]
	}
	if got := check(token); got != "valid" {
		t.Errorf("session_key %v; want valid", got)
	}
	if _, ok := gatewaytest.SessionOf(t, gw, token)["session_key"]; ok {
		t.Error("it is told without being asked for")
	}
	old := gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked("old", time.Now()))
	stolen := gw.Sim.SessionKey(gatewaytest.AppA, gatewaytest.Alice)

	// when WeChat fails, nothing has happened: the caller can try again
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathResetUserSessionKey, ErrCode: -1})
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout?reset=true", Token: token}), 503, "temporarily_unavailable")
	gw.Sim.SetSessionKey(gatewaytest.AppA, gatewaytest.Alice, stolen)
	gatewaytest.RequireAlive(t, gw, token, true)

	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout?reset=true", Token: token}), 204)
	gatewaytest.RequireAlive(t, gw, token, false)
	gatewaytest.RequireAlive(t, gw, other, true)
	if gw.Sim.SessionKey(gatewaytest.AppA, gatewaytest.Alice) == stolen {
		t.Error("the key is the old one")
	}
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", other, old)), 400, "invalid_data")
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", other, gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked("new", time.Now())))), 200)
	if got := check(other); got != "valid" {
		t.Errorf("session_key %v after the reset; want valid", got)
	}

	gw.Sim.SetSessionKey(gatewaytest.AppA, gatewaytest.Alice, "tiihtNczf5v6AKRyjwEUhQ==") // a login elsewhere
	if got := check(other); got != "stale" {
		t.Errorf("session_key %v after a login elsewhere; want stale", got)
	}
	gw.Sim.SetSessionKey(gatewaytest.AppA, gatewaytest.Alice, "")
	if got := check(other); got != "stale" {
		t.Errorf("session_key %v when WeChat has none; want stale", got)
	}
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout?reset=true", Token: other}), 204)
	for _, c := range gw.Sim.Calls() {
		if strings.Contains(c.Query.Encode()+c.Body, stolen) {
			t.Error("the session key itself was sent")
		}
	}
}
