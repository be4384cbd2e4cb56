// people_test.go: the phone names no app, and every answer must be of the right one all the same.

package wechattest_test

import (
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

const user = `{"openid":"` + alice + `"}`

// code is of a login that names no app.
func (w world) code(body string) string {
	w.t.Helper()
	return text(w.t, w.phone("/sim/login", body, 200), "code")
}

// wantOf asks for both kinds of open data without an appid, and wants both of that app and under that key. The phone
// code must be good for that app and for no other.
func (w world) wantOf(appid, secret, key string) {
	w.t.Helper()
	info, phone := w.phone("/sim/userinfo", user, 200), w.phone("/sim/phone", user, 200)
	for name, data := range map[string]map[string]any{"userinfo": info, "phone": phone} {
		plain := object(w.t, open(w.t, key, text(w.t, data, "encryptedData"), text(w.t, data, "iv")))
		if mark, _ := plain["watermark"].(map[string]any); mark["appid"] != appid {
			w.t.Fatalf("%s %v; want a watermark of %s", name, plain, appid)
		}
	}
	code := `{"code":"` + text(w.t, phone, "code") + `","openid":"` + alice + `"}`
	const other = "wx00000000000000dd"
	if wrong := w.stable(other, "secret-d", ""); wrong["access_token"] != nil {
		wantErr(w.t, w.phoneNumber(text(w.t, wrong, "access_token"), code), 40013)
	}
	got := w.phoneNumber(text(w.t, w.stable(appid, secret, ""), "access_token"), code)
	wantOK(w.t, got)
	number, _ := got["phone_info"].(map[string]any)
	if mark, _ := number["watermark"].(map[string]any); mark["appid"] != appid {
		w.t.Fatalf("number %v; want a watermark of %s", got, appid)
	}
}

func simulators() map[string]wechattest.Options {
	return map[string]wechattest.Options{
		"any app": {Apps: map[string]string{}},
		"several": {Apps: map[string]string{appA: secretA, appB: secretB, "wx00000000000000dd": "secret-d"}},
	}
}

// The user moves between two apps; each time the last exchange says where the phone is.
func TestOpenDataIsOfTheLastLogin(t *testing.T) {
	for name, opts := range simulators() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, opts)
			w.phone("/sim/userinfo", user, 400)
			onlyA := w.Login(appA, alice)
			w.wantOf(appA, secretA, w.SessionKey(appA, alice)) // before any exchange: the last code's
			codeB := w.Login(appB, alice)
			w.wantOf(appB, secretB, w.SessionKey(appB, alice))

			keyA := text(t, w.exchange(appA, secretA, onlyA), "session_key")
			w.wantOf(appA, secretA, keyA) // a code without an exchange counts no more
			keyB := text(t, w.exchange(appB, secretB, codeB), "session_key")
			w.wantOf(appB, secretB, keyB)
			wantErr(t, w.exchange(appA, secretA, onlyA), 40163)
			w.wantOf(appB, secretB, keyB) // a refused exchange is no login

			w.wantOf(appB, secretB, keyB)
			info := w.phone("/sim/userinfo", `{"openid":"`+alice+`","appid":"`+appA+`"}`, 200)
			open(t, keyA, text(t, info, "encryptedData"), text(t, info, "iv")) // whoever names an app gets that one
			w.exchange(appA, secretA, w.Login(appA, bob))
			w.wantOf(appB, secretB, keyB) // somebody else's login is no concern of hers
		})
	}
}

// The code of a login without an appid is a code of nobody's app, until the first comes.
func TestCodeOfWhicheverAppIsFirst(t *testing.T) {
	for name, opts := range simulators() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, opts)
			code := w.code(user)
			if name == "several" {
				wantErr(t, w.exchange(appB, secretA, code), 40125) // not B, so the code is still free
			}
			got := w.exchange(appB, secretB, code)
			if got["openid"] != alice || got["session_key"] != w.SessionKey(appB, alice) {
				t.Fatalf("exchange %v", got)
			}
			wantErr(t, w.exchange(appB, secretB, code), 40163)
			wantErr(t, w.exchange(appA, secretA, code), 40029)
			w.wantOf(appB, secretB, text(t, got, "session_key"))

			if got := w.exchange(appA, secretA, w.code(user)); got["openid"] != alice {
				t.Fatalf("exchange %v", got)
			}
			w.wantOf(appA, secretA, w.SessionKey(appA, alice))
			inA := `{"openid":"` + bob + `","appid":"` + appA + `"}`
			wantOK(t, w.exchange(appB, secretB, w.code(`{"openid":"`+bob+`"}`)))
			w.phone("/sim/userinfo", inA, 400) // the code was of B, after all
			w.code(`{"openid":"` + bob + `"}`)
			w.Login(appB, bob)
			w.phone("/sim/userinfo", inA, 400) // the phone has a newer code, of B
			if made := w.exchange(appA, secretA, w.code(``)); len(text(t, made, "openid")) != 28 {
				t.Fatalf("exchange %v", made)
			}
			late := w.code(user)
			w.clock.advance(5 * time.Minute)
			wantErr(t, w.exchange(appA, secretA, late), 40029)
		})
	}

	// With one app there is nothing to wait for, and the code is no other's.
	one := newWorld(t, wechattest.Options{Apps: map[string]string{appA: secretA}})
	code := one.code(user)
	if one.SessionKey(appA, alice) == "" {
		t.Fatal("the login is not of the only app")
	}
	one.wantOf(appA, secretA, one.SessionKey(appA, alice))
	wantOK(t, one.exchange(appA, secretA, code))
}

// The phone asks for open data between wx.login and the exchange: it is made with the key that the exchange will give,
// although the old one was due to go.
func TestOpenDataBeforeTheExchange(t *testing.T) {
	for name, refresh := range map[string]time.Duration{"after a minute": time.Minute, "always": -1} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, wechattest.Options{Apps: map[string]string{}, SessionKeyMinRefresh: refresh})
			first := text(t, w.exchange(appB, secretB, w.code(user)), "session_key")
			w.clock.advance(time.Minute)
			code := w.code(user)
			info, phone := w.phone("/sim/userinfo", user, 200), w.phone("/sim/phone", user, 200)
			second := text(t, w.exchange(appB, secretB, code), "session_key")
			if second == first {
				t.Fatal("the key stayed")
			}
			open(t, second, text(t, info, "encryptedData"), text(t, info, "iv"))
			open(t, second, text(t, phone, "encryptedData"), text(t, phone, "iv"))
			w.wantOf(appB, secretB, second)

			w.clock.advance(time.Minute)
			third := text(t, w.exchange(appB, secretB, w.code(user)), "session_key")
			if third == second {
				t.Fatal("the key stayed when nobody asked for open data")
			}
			w.wantOf(appB, secretB, third)
		})
	}
}

// Nobody can know yet: then the last app that exchanged a code here is the likeliest, and before it the examples' one.
func TestOpenDataOfNoAppYet(t *testing.T) {
	for name, test := range map[string]struct {
		opts          wechattest.Options
		appid, secret string
	}{
		"any app": {wechattest.Options{Apps: map[string]string{}}, wechattest.DemoAppID, "anything"},
		"several": {wechattest.Options{}, appA, secretA},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.opts)
			code := w.code(user)
			info := w.phone("/sim/userinfo", user, 200)
			w.wantOf(test.appid, test.secret, w.SessionKey(test.appid, alice))
			key := text(t, w.exchange(test.appid, test.secret, code), "session_key")
			open(t, key, text(t, info, "encryptedData"), text(t, info, "iv"))

			second := newWorld(t, test.opts)
			wantOK(t, second.exchange(appB, secretB, second.Login(appB, bob)))
			code = second.code(user)
			second.phone("/sim/userinfo", user, 200) // which makes the key
			second.wantOf(appB, secretB, second.SessionKey(appB, alice))
			wantOK(t, second.exchange(appA, secretA, code)) // and a guess binds nobody
			second.wantOf(appA, secretA, second.SessionKey(appA, alice))
		})
	}
}
