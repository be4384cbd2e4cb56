// oauth_test.go: codes of sns/oauth2, their exchange, and what the tokens of users are good for.

package wechattest_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

func oauthQuery(appid, secret, code string) url.Values {
	return url.Values{"appid": {appid}, "secret": {secret}, "code": {code}, "grant_type": {"authorization_code"}}
}

func (w world) oauthToken(appid, secret, code string) map[string]any {
	w.t.Helper()
	return w.ask("GET", wechattest.PathOAuthToken, oauthQuery(appid, secret, code), "")
}

func (w world) refresh(appid, token string) map[string]any {
	w.t.Helper()
	return w.ask("GET", wechattest.PathOAuthRefresh, url.Values{"appid": {appid}, "grant_type": {"refresh_token"}, "refresh_token": {token}}, "")
}

func (w world) sns(path, token, openid string) map[string]any {
	w.t.Helper()
	return w.ask("GET", path, url.Values{"access_token": {token}, "openid": {openid}, "lang": {"zh_CN"}}, "")
}

// simOAuth asks for a code over HTTP.
func (w world) simOAuth(body string) string {
	w.t.Helper()
	return text(w.t, w.phone("/sim/oauth", body, 200), "code")
}

func TestOAuthExchange(t *testing.T) {
	for appid, test := range map[string]struct {
		secret, scope string
		unionid, info bool
	}{
		official: {secretO, "snsapi_base", false, false},
		website:  {secretW, "snsapi_login", true, true},
		mobile:   {secretM, "snsapi_userinfo", true, true},
	} {
		t.Run(test.scope, func(t *testing.T) {
			w := newKinds(t, wechattest.Options{})
			got := w.oauthToken(appid, test.secret, w.simOAuth(`{"appid":"`+appid+`","openid":"`+alice+`"}`))
			token := text(t, got, "access_token")
			if got["openid"] != alice || got["scope"] != test.scope || got["expires_in"] != float64(7200) || text(t, got, "refresh_token") == token ||
				(got["unionid"] != nil) != test.unionid || got["is_snapshotuser"] != nil || got["errcode"] != nil {
				t.Fatalf("exchange %v", got)
			}
			if ok := w.sns(wechattest.PathSNSAuth, token, alice); ok["errcode"] != float64(0) {
				t.Fatalf("sns/auth %v", ok)
			}
			info := w.sns(wechattest.PathSNSUserInfo, token, alice)
			if !test.info {
				wantErr(t, info, 48001)
				return
			}
			privilege, _ := info["privilege"].([]any)
			if info["openid"] != alice || info["nickname"] != "微信用户" || info["unionid"] != got["unionid"] || privilege == nil || len(info) != 9 {
				t.Fatalf("sns/userinfo %v", info)
			}
			w.SetNickname(appid, alice, "李静")
			if info = w.sns(wechattest.PathSNSUserInfo, token, alice); info["nickname"] != "李静" {
				t.Fatalf("sns/userinfo %v", info)
			}
		})
	}
}

func TestOAuthRefusals(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	code := func() string { return w.OAuthCode(wechattest.OAuthLogin{AppID: official, OpenID: alice}) }
	without := func(name string) url.Values {
		q := oauthQuery(official, secretO, code())
		q.Del(name)
		return q
	}
	grant := oauthQuery(official, secretO, code())
	grant.Set("grant_type", "client_credential")
	for name, test := range map[string]struct {
		q       url.Values
		errcode int
	}{
		"no appid":     {without("appid"), 41002},
		"no secret":    {without("secret"), 41004},
		"no code":      {without("code"), 41008},
		"no grant":     {without("grant_type"), 40002},
		"other grant":  {grant, 40002},
		"unknown app":  {oauthQuery("wx0000000000000123", "x", code()), 40013},
		"mini program": {oauthQuery(appA, secretA, code()), 40013},
		"secret":       {oauthQuery(official, secretW, code()), 40125},
		"other app":    {oauthQuery(website, secretW, code()), 40029},
		"no such code": {oauthQuery(official, secretO, "0nonsense"), 40029},
		"wx.login":     {oauthQuery(official, secretO, w.Login(appA, alice)), 40029},
	} {
		t.Run(name, func(t *testing.T) {
			wantErr(t, w.ask("GET", wechattest.PathOAuthToken, test.q, ""), test.errcode)
		})
	}
	wantErr(t, w.ask("POST", wechattest.PathOAuthToken, oauthQuery(official, secretO, code()), ""), 43001)
	// And the other way round: wx.login's exchange does not take a page's code.
	wantErr(t, w.exchange(appA, secretA, code()), 40029)

	once := code()
	wantErr(t, w.oauthToken(website, secretW, once), 40029) // which spends nothing
	wantOK(t, w.oauthToken(official, secretO, once))
	wantErr(t, w.oauthToken(official, secretO, once), 40163)

	late, later := code(), code()
	w.clock.advance(5*time.Minute - 1)
	wantOK(t, w.oauthToken(official, secretO, late))
	w.clock.advance(1)
	wantErr(t, w.oauthToken(official, secretO, later), 42003)
	w.clock.advance(5 * time.Minute)
	wantErr(t, w.oauthToken(official, secretO, later), 40029)

	w.SetRisky(official, alice, true)
	wantErr(t, w.oauthToken(official, secretO, code()), 40226)
}

func TestOAuthQuotaAndFaults(t *testing.T) {
	w := newKinds(t, wechattest.Options{Quotas: wechattest.Quotas{OAuthTokenPerMinute: 2}})
	code := w.OAuthCode(wechattest.OAuthLogin{AppID: official})
	for range 2 {
		wantErr(t, w.oauthToken(official, secretO, "0none"), 40029)
	}
	wantErr(t, w.oauthToken(official, secretO, code), 45011)
	w.clock.advance(time.Minute)
	w.phone("/sim/fault", `{"path":"/sns/oauth2/access_token","errcode":-1}`, 204)
	wantErr(t, w.oauthToken(official, secretO, code), -1)
	wantErr(t, w.oauthToken(official, secretO, code), 40163) // spent behind the -1, as callers have seen
	for _, path := range []string{wechattest.PathOAuthRefresh, wechattest.PathSNSUserInfo, wechattest.PathSNSAuth} {
		w.phone("/sim/fault", `{"path":"`+path+`","errcode":42007}`, 204)
		wantErr(t, w.ask("GET", path, nil, ""), 42007)
	}
}

// A snapshot page's openid is nobody's, and another one each time.
func TestSnapshotUser(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	seen := map[any]bool{alice: true}
	for range 2 {
		got := w.oauthToken(official, secretO, w.simOAuth(`{"appid":"`+official+`","openid":"`+alice+`","scope":"snsapi_userinfo","snapshot":true}`))
		if got["is_snapshotuser"] != float64(1) || seen[got["openid"]] || text(t, got, "unionid") == "" {
			t.Fatalf("%v", got)
		}
		seen[got["openid"]] = true
		if info := w.sns(wechattest.PathSNSUserInfo, text(t, got, "access_token"), text(t, got, "openid")); info["nickname"] != "微信用户" {
			t.Fatalf("%v", info)
		}
	}
}

func TestUserTokensEnd(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	login := func(openid string) (token, refresh string) {
		got := w.oauthToken(mobile, secretM, w.OAuthCode(wechattest.OAuthLogin{AppID: mobile, OpenID: openid}))
		return text(t, got, "access_token"), text(t, got, "refresh_token")
	}
	token, refresh := login(alice)
	bobs, _ := login(bob)
	for _, path := range []string{wechattest.PathSNSAuth, wechattest.PathSNSUserInfo} {
		wantErr(t, w.sns(path, token, bob), 40003)
		wantErr(t, w.sns(path, token, ""), 40003)
		wantErr(t, w.sns(path, bobs, alice), 40003)
		wantErr(t, w.sns(path, "", alice), 41001)
		wantErr(t, w.sns(path, "x", alice), 40014)
		wantErr(t, w.sns(path, text(t, w.stable(official, secretO, ""), "access_token"), alice), 40001) // the app's own
		wantErr(t, w.ask("POST", path, url.Values{"access_token": {token}, "openid": {alice}}, ""), 43001)
	}
	// And the user's is none of the app's.
	wantErr(t, w.ask("POST", wechattest.PathGetUserPhoneNumber, url.Values{"access_token": {token}}, "{}"), 40001)

	w.clock.advance(time.Hour)
	if got := w.refresh(mobile, refresh); got["access_token"] != token || got["refresh_token"] != refresh || got["expires_in"] != float64(7200) || got["openid"] != alice {
		t.Fatalf("refreshed while alive: %v", got)
	}
	w.clock.advance(2*time.Hour - 1)
	wantOK(t, w.sns(wechattest.PathSNSAuth, token, alice))
	w.clock.advance(1)
	wantErr(t, w.sns(wechattest.PathSNSAuth, token, alice), 42001)
	renewed := text(t, w.refresh(mobile, refresh), "access_token")
	if renewed == token {
		t.Fatal("a dead token came back")
	}
	wantOK(t, w.sns(wechattest.PathSNSAuth, renewed, alice))
	wantErr(t, w.sns(wechattest.PathSNSAuth, token, alice), 42001)

	wantErr(t, w.refresh(mobile, ""), 41003)
	wantErr(t, w.refresh("", refresh), 41002)
	wantErr(t, w.refresh("wx0000000000000123", refresh), 40013)
	wantErr(t, w.refresh(website, refresh), 40030)
	wantErr(t, w.refresh(mobile, token), 40030)
	wantErr(t, w.ask("GET", wechattest.PathOAuthRefresh, url.Values{"appid": {mobile}, "refresh_token": {refresh}}, ""), 40002)
	w.clock.advance(30 * 24 * time.Hour)
	wantErr(t, w.refresh(mobile, refresh), 42002)
}

func TestUnionIDOfOAuth(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	code := func(appid, scope string) string {
		return w.OAuthCode(wechattest.OAuthLogin{AppID: appid, OpenID: alice, Scope: scope})
	}
	mini := w.exchange(appA, secretA, w.Login(appA, alice))
	full := w.oauthToken(official, secretO, code(official, "snsapi_userinfo"))
	if full["unionid"] != mini["unionid"] || full["unionid"] == nil {
		t.Fatalf("one person has two unionids: %v and %v", full["unionid"], mini["unionid"])
	}
	unbound := newKinds(t, wechattest.Options{NoUnionID: true})
	got := unbound.oauthToken(website, secretW, unbound.OAuthCode(wechattest.OAuthLogin{AppID: website}))
	if got["unionid"] != nil {
		t.Fatalf("%v", got)
	}
}

func TestSimOAuthRefuses(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	for body, says := range map[string]string{
		`{}`:                             "appid is required",
		`{"appid":"wx0000000000000123"}`: "appid is not",
		`{"appid":"` + appA + `"}`:       "/sim/login",
		`{"appid":"` + official + `","openid":"a b"}`:       "openid must",
		`{"appid":"` + official + `","scope":"snsapi_all"}`: "scope must",
		`{"appid":"` + website + `","snapshot":true}`:       "snapshot users",
		`{"appid":"` + official + `","snapshot":"yes"}`:     "snapshot",
		`{"appid":"` + official + `","snap":true}`:          "snap",
	} {
		if got := w.phone("/sim/oauth", body, 400); !strings.Contains(text(t, got, "error_description"), says) {
			t.Errorf("%s: %v; want it to say %q", body, got, says)
		}
	}
	if made := w.oauthToken(website, secretW, w.simOAuth(`{"appid":"`+website+`"}`)); len(text(t, made, "openid")) != 28 {
		t.Errorf("made-up openid: %v", made)
	}
}
