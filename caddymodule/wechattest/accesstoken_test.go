// accesstoken_test.go: access tokens and the calls that need one.

package wechattest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

func (w world) phoneNumber(token, body string) map[string]any {
	w.t.Helper()
	return w.ask("POST", wechattest.PathGetUserPhoneNumber, url.Values{"access_token": {token}}, body)
}

// probe tells what WeChat thinks of a token: a good one gets as far as the missing code, 41008.
func (w world) probe(token string, want int) {
	w.t.Helper()
	wantErr(w.t, w.phoneNumber(token, `{}`), want)
}

const goodToken = 41008

func TestStableToken(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	first := w.stable(appA, secretA, "")
	if first["expires_in"] != float64(7200) {
		t.Fatalf("first answer %v", first)
	}
	token := text(t, first, "access_token")
	w.clock.advance(6899 * time.Second)
	again := w.stable(appA, secretA, "")
	if again["access_token"] != token || again["expires_in"] != float64(301) {
		t.Fatalf("a second before the renewal: %v; want the same token with 301", again)
	}
	w.clock.advance(time.Second)
	renewed := w.stable(appA, secretA, `,"force_refresh":false`)
	if renewed["access_token"] == token || renewed["expires_in"] != float64(7200) {
		t.Fatalf("five minutes before the end: %v; want a new token", renewed)
	}
	w.probe(token, goodToken) // the overlap
	w.clock.advance(5 * time.Minute)
	w.probe(token, 42001)
	w.probe(text(t, renewed, "access_token"), goodToken)
}

func TestForceRefresh(t *testing.T) {
	w := newWorld(t, wechattest.Options{Quotas: wechattest.Quotas{ForceRefreshPerDay: 3}})
	const force = `,"force_refresh":true`
	old := text(t, w.stable(appA, secretA, ""), "access_token")
	fresh := text(t, w.stable(appA, secretA, force), "access_token")
	w.probe(old, 40001)
	w.probe(fresh, goodToken)
	w.clock.advance(30*time.Second - time.Nanosecond)
	wantErr(t, w.stable(appA, secretA, force), 45011)
	w.clock.advance(time.Nanosecond)
	wantOK(t, w.stable(appA, secretA, force))
	w.clock.advance(30 * time.Second)
	wantOK(t, w.stable(appA, secretA, force))
	w.clock.advance(30 * time.Second)
	wantErr(t, w.stable(appA, secretA, force), 45009)
	wantOK(t, w.stable(appA, secretA, ""))
	wantOK(t, w.stable(appB, secretB, force)) // each app has its own count
	w.clock.advance(24 * time.Hour)
	wantOK(t, w.stable(appA, secretA, force))
}

func TestPlainTokenAndItsOverlap(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	stable := text(t, w.stable(appA, secretA, ""), "access_token")
	first := text(t, w.plain(appA, secretA), "access_token")
	second := text(t, w.plain(appA, secretA), "access_token")
	if first == second {
		t.Fatal("token must make a new one each time")
	}
	w.clock.advance(5*time.Minute - time.Nanosecond)
	w.probe(first, goodToken)
	w.clock.advance(time.Nanosecond)
	w.probe(first, 40001)
	w.probe(second, goodToken)
	// The two calls do not know of each other: one gateway on the old call must not end another's stable token.
	w.probe(stable, goodToken)
	w.stable(appA, secretA, `,"force_refresh":true`)
	w.probe(second, goodToken)
}

func TestBadTokens(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	token := text(t, w.stable(appA, secretA, ""), "access_token")
	w.probe("", 41001)
	w.probe("nonsense", 40014)
	w.probe(token[:len(token)-1], 40014)
	w.probe(token[:3]+strings.Repeat("x", len(token)-3), 40001)
	w.clock.advance(2*time.Hour - time.Nanosecond)
	w.probe(token, goodToken)
	w.clock.advance(time.Nanosecond)
	w.probe(token, 42001)
	w.clock.advance(2 * time.Hour)
	w.probe(token, 40001) // forgotten
}

func TestTokenCallsRefuse(t *testing.T) {
	const grant = `"grant_type":"client_credential"`
	for name, test := range map[string]struct {
		body string
		want int
	}{
		"not JSON":     {`grant_type=client_credential`, 47001},
		"wrong type":   {`{` + grant + `,"appid":"` + appA + `","secret":"` + secretA + `","force_refresh":"true"}`, 47001},
		"grant_type":   {`{"appid":"` + appA + `","secret":"` + secretA + `"}`, 40002},
		"no appid":     {`{` + grant + `,"secret":"` + secretA + `"}`, 41002},
		"no secret":    {`{` + grant + `,"appid":"` + appA + `"}`, 41004},
		"other app":    {`{` + grant + `,"appid":"wx00000000000000cc","secret":"` + secretA + `"}`, 40013},
		"wrong secret": {`{` + grant + `,"appid":"` + appA + `","secret":"` + secretB + `"}`, 40125},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, wechattest.Options{})
			wantErr(t, w.ask("POST", wechattest.PathStableToken, nil, test.body), test.want)
		})
	}
	w := newWorld(t, wechattest.Options{Quotas: wechattest.Quotas{TokenPerDay: 1, StableTokenPerMinute: 1, StableTokenPerDay: 2}})
	wantErr(t, w.ask("GET", wechattest.PathStableToken, nil, ""), 43002)
	wantErr(t, w.ask("POST", wechattest.PathToken, nil, ""), 43001)
	wantErr(t, w.plain(appA, secretB), 40125)
	wantOK(t, w.plain(appA, secretA))
	wantErr(t, w.plain(appA, secretA), 45009)
	wantOK(t, w.stable(appA, secretA, ""))
	wantErr(t, w.stable(appA, secretA, ""), 45011)
	w.clock.advance(time.Minute)
	wantOK(t, w.stable(appA, secretA, ""))
	w.clock.advance(time.Minute)
	wantErr(t, w.stable(appA, secretA, ""), 45009)
}

func TestPhoneNumber(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	tokenA := text(t, w.stable(appA, secretA, ""), "access_token")
	tokenB := text(t, w.stable(appB, secretB, ""), "access_token")
	login := w.Login(appA, alice)
	w.SetPhone(appA, alice, "1", "5550100")
	phone, err := w.Phone(appA, alice)
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, w.ask("GET", wechattest.PathGetUserPhoneNumber, url.Values{"access_token": {tokenA}}, ""), 43002)
	wantErr(t, w.phoneNumber(tokenA, `code=1`), 47001)
	wantErr(t, w.phoneNumber(tokenA, `{"code":"`+login+`"}`), 40029) // another kind of code
	wantErr(t, w.phoneNumber(tokenB, `{"code":"`+phone.Code+`"}`), 40013)
	wantErr(t, w.phoneNumber(tokenA, `{"code":"`+phone.Code+`","openid":"`+bob+`"}`), 40003)

	got := w.phoneNumber(tokenA, `{"code":"`+phone.Code+`","openid":"`+alice+`"}`)
	info, _ := got["phone_info"].(map[string]any)
	mark, _ := info["watermark"].(map[string]any)
	if got["errcode"] != float64(0) || got["errmsg"] != "ok" || info["phoneNumber"] != "+15550100" || info["purePhoneNumber"] != "5550100" ||
		info["countryCode"] != "1" || mark["appid"] != appA || mark["timestamp"] != float64(1_700_000_000) {
		t.Fatalf("answer %v", got)
	}
	wantErr(t, w.phoneNumber(tokenA, `{"code":"`+phone.Code+`"}`), 40029)

	late, _ := w.Phone(appA, alice)
	w.clock.advance(5 * time.Minute)
	wantErr(t, w.phoneNumber(tokenA, `{"code":"`+late.Code+`"}`), 40029)
}

func sign(key string) string {
	mac := hmac.New(sha256.New, []byte(key))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestCheckAndResetSessionKey(t *testing.T) {
	w := newWorld(t, wechattest.Options{Quotas: wechattest.Quotas{ResetPerMinute: 1}})
	token := text(t, w.stable(appA, secretA, ""), "access_token")
	w.Login(appA, alice)
	key := w.SessionKey(appA, alice)
	ask := func(path, openid, signature string) map[string]any {
		t.Helper()
		return w.ask("GET", path, url.Values{"access_token": {token}, "openid": {openid}, "signature": {signature}, "sig_method": {"hmac_sha256"}}, "")
	}
	for _, path := range []string{wechattest.PathCheckSession, wechattest.PathResetUserSessionKey} {
		wantErr(t, ask(path, alice, sign("another key")), 87009)
		wantErr(t, ask(path, bob, sign(key)), 87007)
		wantErr(t, ask(path, alice, ""), 40097)
		wantErr(t, w.ask("GET", path, url.Values{"access_token": {token}, "openid": {alice}, "signature": {sign(key)}}, ""), 87008)
		wantErr(t, w.ask("GET", path, nil, ""), 41001)
		wantErr(t, w.ask("POST", path, url.Values{"access_token": {token}}, ""), 43001)
	}
	if got := ask(wechattest.PathCheckSession, alice, sign(key)); got["errcode"] != float64(0) || got["errmsg"] != "ok" {
		t.Fatalf("checksession %v", got)
	}
	got := ask(wechattest.PathResetUserSessionKey, alice, sign(key))
	fresh := text(t, got, "session_key")
	if got["errcode"] != float64(0) || got["openid"] != alice || fresh == key || fresh != w.SessionKey(appA, alice) {
		t.Fatalf("reset %v", got)
	}
	wantErr(t, ask(wechattest.PathCheckSession, alice, sign(key)), 87009)
	wantOK(t, ask(wechattest.PathCheckSession, alice, sign(fresh)))
	wantErr(t, ask(wechattest.PathResetUserSessionKey, alice, sign(fresh)), 45011)
	w.SetSessionKey(appA, alice, "")
	wantErr(t, ask(wechattest.PathCheckSession, alice, sign(fresh)), 87007)
}
