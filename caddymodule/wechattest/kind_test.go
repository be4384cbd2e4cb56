// kind_test.go: apps of each kind, and what the others' calls say to them.

package wechattest_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

const (
	official, secretO = "wx0000000000000d0c", "secret-o"
	website, secretW  = "wx0000000000000b0b", "secret-w"
	mobile, secretM   = "wx0000000000000c0c", "secret-m"
)

// newKinds is a world with one app of each kind; appA is the mini program.
func newKinds(t *testing.T, opts wechattest.Options) world {
	t.Helper()
	opts.Apps = map[string]string{appA: secretA, official: secretO, website: secretW, mobile: secretM}
	opts.Kinds = map[string]wechattest.Kind{official: wechattest.KindOfficial, website: wechattest.KindWebsite, mobile: wechattest.KindMobile}
	return newWorld(t, opts)
}

func TestKindsAreKeptApart(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	wantOK(t, w.exchange(appA, secretA, w.Login(appA, alice)))
	for appid, secret := range map[string]string{official: secretO, website: secretW, mobile: secretM} {
		wantErr(t, w.exchange(appid, secret, w.Login(appid, alice)), 40013)
		got := w.phone("/sim/login", `{"appid":"`+appid+`"}`, 400)
		if !strings.Contains(text(t, got, "error_description"), "/sim/oauth") {
			t.Errorf("%s: %v", appid, got)
		}
	}
	for appid, secret := range map[string]string{appA: secretA, official: secretO} {
		wantOK(t, w.stable(appid, secret, ""))
		wantOK(t, w.plain(appid, secret))
	}
	for appid, secret := range map[string]string{website: secretW, mobile: secretM} {
		wantErr(t, w.stable(appid, secret, ""), 40013)
		wantErr(t, w.plain(appid, secret), 40013)
	}
}

// Of several apps one is a mini program, so a code without an appid is of that one.
func TestOnlyMiniProgramIsMeant(t *testing.T) {
	w := newKinds(t, wechattest.Options{})
	code := text(t, w.phone("/sim/login", `{"openid":"`+alice+`"}`, 200), "code")
	w.phone("/sim/userinfo", `{"openid":"`+alice+`"}`, 200)
	if w.SessionKey(appA, alice) == "" {
		t.Fatal("the code is not the mini program's")
	}
	wantOK(t, w.exchange(appA, secretA, code))
}

// Where any appid goes, any kind does.
func TestUnnamedAppIsOfAnyKind(t *testing.T) {
	w := newWorld(t, wechattest.Options{Apps: map[string]string{}})
	got := w.ask("GET", wechattest.PathCode2Session, exchangeQuery(official, "any", w.Login(official, alice)), "")
	wantOK(t, got)
	wantOK(t, w.ask("GET", wechattest.PathToken, url.Values{"grant_type": {"client_credential"}, "appid": {official}, "secret": {"any"}}, ""))
}
