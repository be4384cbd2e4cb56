// phone_test.go: phone numbers, by the button's code and by encrypted data, and
// the access token that the former needs.

package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// phoneOn is what the phone button gives on a user's phone.
func phoneOn(t *testing.T, gw *gateway, openid string) wechattest.Phone {
	t.Helper()
	p, err := gw.sim.Phone(appA, openid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// byCode is a call of /wechat/phone with a fresh code of the user's.
func byCode(t *testing.T, gw *gateway, token, openid string) call {
	t.Helper()
	return post("/wechat/phone", token, members{"code": phoneOn(t, gw, openid).Code})
}

// A number comes in either way, is kept on the session, and reaches the backend
// in the one form of E.164.
func TestPhone(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	for name, test := range map[string]struct{ country, number, wantNumber, e164 string }{
		"mainland":  {"86", "13800000000", "13800000000", "+8613800000000"},
		"elsewhere": {"1", "2125550100", "+12125550100", "+12125550100"},
		"Macau":     {"853", "66000000", "+85366000000", "+85366000000"},
	} {
		for _, way := range []string{"code", "data"} {
			t.Run(name+" by "+way, func(t *testing.T) {
				gw.sim.SetPhone(appA, alice, test.country, test.number)
				token := login(t, gw, alice)
				p := phoneOn(t, gw, alice)
				body := members{"code": p.Code}
				if way == "data" {
					body = members{"encryptedData": p.EncryptedData, "iv": p.IV}
				}
				got := gw.h1.do(t, post("/wechat/phone", token, body))
				requireStatus(t, got, 200)
				want := members{"phoneNumber": test.wantNumber, "purePhoneNumber": test.number, "countryCode": test.country}
				if m := object(t, got); fmt.Sprint(m) != fmt.Sprint(want) {
					t.Errorf("answer %v; want %v", m, want)
				}
				if m, _ := sessionOf(t, gw, token)["phone"].(map[string]any); fmt.Sprint(members(m)) != fmt.Sprint(want) {
					t.Errorf("session %v; want %v", m, want)
				}
				gw.up.Reset()
				requireStatus(t, gw.h1.do(t, call{Token: token}), 200)
				seen := gw.up.only(t)
				requireIdentity(t, seen, alice)
				if got := seen.get("X-WeChat-Phone"); got != test.e164 {
					t.Errorf("X-WeChat-Phone: %s; want %s", got, test.e164)
				}
			})
		}
	}
	token := login(t, gw, alice)
	p := phoneOn(t, gw, alice)
	for _, body := range []members{
		{}, {"code": ""}, {"iv": p.IV}, {"encryptedData": p.EncryptedData},
		{"code": "a b"}, {"code": strings.Repeat("a", 129)}, {"code": 1},
	} {
		requireProblem(t, gw.h1.do(t, post("/wechat/phone", token, body)), 400, "invalid_request")
	}
	// all that the button gave: the code counts, and nothing makes up for a bad one
	bad := members{"code": "nobody-gave-this", "encryptedData": p.EncryptedData, "iv": p.IV}
	requireProblem(t, gw.h1.do(t, post("/wechat/phone", token, bad)), 400, "invalid_grant")
	gw.sim.ResetCalls()
	requireStatus(t, gw.h1.do(t, post("/wechat/phone", token, members{"code": p.Code, "encryptedData": p.EncryptedData, "iv": p.IV})), 200)
	requireCalls(t, gw, wechattest.PathGetUserPhoneNumber, 1)
	// user info is no phone number, however well it verifies
	info := infoOf(t, gw, alice)
	requireProblem(t, gw.h1.do(t, post("/wechat/phone", token, members{"encryptedData": info.EncryptedData, "iv": info.IV})), 400, "invalid_data")
}

// A phone code is of one user and good once. Whoever sends another's code, or a
// login code, gets no number of anybody.
func TestPhoneCodeOfAnother(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	login(t, gw, eve)
	token := login(t, gw, alice)
	eves := phoneOn(t, gw, eve).Code
	got := gw.h1.do(t, post("/wechat/phone", token, members{"code": eves}))
	requireProblem(t, got, 400, "invalid_grant")
	requireProblem(t, gw.h1.do(t, loginWith(eves)), 400, "invalid_grant")
	requireProblem(t, gw.h1.do(t, post("/wechat/phone", token, members{"code": gw.sim.Login(appA, alice)})), 400, "invalid_grant")
	code := phoneOn(t, gw, alice).Code
	requireStatus(t, gw.h1.do(t, post("/wechat/phone", token, members{"code": code})), 200)
	requireProblem(t, gw.h1.do(t, post("/wechat/phone", token, members{"code": code})), 400, "invalid_grant")
	for _, c := range gw.sim.Calls() {
		if c.Path == wechattest.PathGetUserPhoneNumber && !strings.Contains(c.Body, `"openid":"`+alice+`"`) {
			t.Error("WeChat was not told whose code it should be")
		}
	}
	// nor is a number of another app taken, should WeChat ever send one
	body := fmt.Sprintf(`{"errcode":0,"errmsg":"ok","phone_info":{"phoneNumber":"1","purePhoneNumber":"13800000000","countryCode":"86","watermark":{"timestamp":1,"appid":%q}}}`, appB)
	body = strings.Replace(body, `"1",`, `"13800000000",`, 1)
	fault(t, gw, wechattest.Fault{Path: wechattest.PathGetUserPhoneNumber, Body: &body})
	requireProblem(t, gw.h1.do(t, byCode(t, gw, token, alice)), 400, "invalid_data")
}

// Fifty numbers at once need one access token; a reload does not fetch another.
func TestAccessTokenOnce(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	calls := make([]call, 50)
	for i := range calls {
		token := login(t, gw, user(i))
		calls[i] = byCode(t, gw, token, user(i))
	}
	fault(t, gw, wechattest.Fault{Path: wechattest.PathStableToken, Delay: 100 * time.Millisecond})
	gw.warm(t)
	var seen outcomes
	parallel(50, func(i int) { seen.add(gw.clients()[i%4].try(calls[i])) })
	seen.require(t, map[string]int{"200": 50})
	requireCalls(t, gw, wechattest.PathStableToken, 1)
	for i := range 3 {
		reload(t, gw, setup{Wechat: inMemory + fmt.Sprintf("api_timeout %ds\n", 4+i)})
		token := login(t, gw, alice)
		requireStatus(t, gw.h1.do(t, byCode(t, gw, token, alice)), 200)
	}
	requireCalls(t, gw, wechattest.PathStableToken, 1)
	requireCalls(t, gw, wechattest.PathToken, 0) // that call would end other gateways' tokens
}

// WeChat calls the access token bad: it is renewed once, for all that wait, and
// the call repeated once. When that is no better, it is the operator's trouble.
func TestAccessTokenRenewed(t *testing.T) {
	for _, errcode := range []int{40001, 40014, 42001} {
		t.Run(fmt.Sprint(errcode), func(t *testing.T) {
			gw := start(t, setup{Wechat: inMemory, Sim: freshKeys()})
			token := login(t, gw, alice)
			requireStatus(t, gw.h1.do(t, byCode(t, gw, token, alice)), 200)
			gw.sim.ResetCalls()
			x := byCode(t, gw, token, alice)
			fault(t, gw, wechattest.Fault{Path: wechattest.PathGetUserPhoneNumber, ErrCode: errcode})
			requireStatus(t, gw.h1.do(t, x), 200)
			requireCalls(t, gw, wechattest.PathGetUserPhoneNumber, 2)
			forced := 0
			for _, c := range gw.sim.Calls() {
				if c.Path == wechattest.PathStableToken && strings.Contains(c.Body, `"force_refresh":true`) {
					forced++
				}
			}
			if forced != 1 {
				t.Errorf("a new token was forced %d times; want once", forced)
			}

			gw.sim.ResetCalls()
			fault(t, gw, wechattest.Fault{Path: wechattest.PathGetUserPhoneNumber, ErrCode: errcode, Times: 1000})
			got := gw.h1.do(t, byCode(t, gw, token, alice))
			if m := requireProblem(t, got, 502, "wechat_error"); m["errcode"] != float64(errcode) {
				t.Errorf("errcode %v; want WeChat's %d", m["errcode"], errcode)
			}
			line := gw.awaitLog(t, `"msg":"phone number"`, fmt.Sprintf(`"errcode":%d`, errcode), "a refresh was forced a short time ago")
			if rid, _ := line["rid"].(string); rid == "" {
				t.Error("the log has no rid")
			}
			if n := gw.sim.CountCalls(wechattest.PathGetUserPhoneNumber); n > 2 {
				t.Errorf("the code was sent %d times; want at most 2", n)
			}
			if n := gw.sim.CountCalls(wechattest.PathStableToken); n > 2 {
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
			gw := start(t, setup{Wechat: inMemory})
			token := login(t, gw, alice)
			x := byCode(t, gw, token, alice)
			fault(t, gw, wechattest.Fault{Path: test.path, ErrCode: test.errcode})
			got := gw.h1.do(t, x)
			m := requireProblem(t, got, test.status, test.code)
			if m["errcode"] != float64(test.errcode) {
				t.Errorf("errcode %v; want %d", m["errcode"], test.errcode)
			}
			if (got.Header.Get("Retry-After") != "") != (test.status == 429 || test.status == 503) {
				t.Errorf("Retry-After %q", got.Header.Get("Retry-After"))
			}
			if strings.Contains(got.Body, secretA) || strings.Contains(got.Body, "whitelist") {
				t.Error("the answer says too much")
			}
			if sessionOf(t, gw, token)["phone"] != nil {
				t.Error("the session has a number")
			}
			line := gw.awaitLog(t, `"msg":"phone number"`, fmt.Sprintf(`"errcode":%d`, test.errcode))
			if rid, _ := line["rid"].(string); rid == "" {
				t.Error("the log has no rid")
			}
		})
	}
}

// The client asks whether its session key still is WeChat's, and resets it with a
// logout, so that whoever got hold of it holds nothing.
func TestSessionKeyCheckAndReset(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	token, other := login(t, gw, alice), login(t, gw, alice)
	check := func(token string) any {
		t.Helper()
		got := gw.h1.do(t, call{Target: "/wechat/session?check=wechat", Token: token})
		requireStatus(t, got, 200)
		return object(t, got)["session_key"]
	}
	if got := check(token); got != "valid" {
		t.Errorf("session_key %v; want valid", got)
	}
	if _, ok := sessionOf(t, gw, token)["session_key"]; ok {
		t.Error("it is told without being asked for")
	}
	old := sealed(t, gw, alice, marked("old", time.Now()))
	stolen := gw.sim.SessionKey(appA, alice)

	// when WeChat fails, nothing has happened: the caller can try again
	fault(t, gw, wechattest.Fault{Path: wechattest.PathResetUserSessionKey, ErrCode: -1})
	requireProblem(t, gw.h1.do(t, call{Method: "POST", Target: "/wechat/logout?reset=true", Token: token}), 503, "temporarily_unavailable")
	gw.sim.SetSessionKey(appA, alice, stolen)
	requireAlive(t, gw, token, true)

	requireStatus(t, gw.h1.do(t, call{Method: "POST", Target: "/wechat/logout?reset=true", Token: token}), 204)
	requireAlive(t, gw, token, false)
	requireAlive(t, gw, other, true)
	if gw.sim.SessionKey(appA, alice) == stolen {
		t.Error("the key is the old one")
	}
	requireProblem(t, gw.h1.do(t, post("/wechat/opendata", other, old)), 400, "invalid_data")
	requireStatus(t, gw.h1.do(t, post("/wechat/opendata", other, sealed(t, gw, alice, marked("new", time.Now())))), 200)
	if got := check(other); got != "valid" {
		t.Errorf("session_key %v after the reset; want valid", got)
	}

	gw.sim.SetSessionKey(appA, alice, "tiihtNczf5v6AKRyjwEUhQ==") // a login elsewhere
	if got := check(other); got != "stale" {
		t.Errorf("session_key %v after a login elsewhere; want stale", got)
	}
	gw.sim.SetSessionKey(appA, alice, "")
	if got := check(other); got != "stale" {
		t.Errorf("session_key %v when WeChat has none; want stale", got)
	}
	requireStatus(t, gw.h1.do(t, call{Method: "POST", Target: "/wechat/logout?reset=true", Token: other}), 204)
	for _, c := range gw.sim.Calls() {
		if strings.Contains(c.Query.Encode()+c.Body, stolen) {
			t.Error("the session key itself was sent")
		}
	}
}
