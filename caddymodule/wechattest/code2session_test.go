// code2session_test.go: the exchange of login codes, seen from outside.

package wechattest_test

import (
	"encoding/base64"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

func TestCode2SessionSucceeds(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	got := w.exchange(appA, secretA, w.Login(appA, alice))
	if len(got) != 3 || got["openid"] != alice || len(text(t, got, "unionid")) != 28 {
		t.Fatalf("answer %v; want openid, unionid, session_key and no errcode", got)
	}
	key := text(t, got, "session_key")
	if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 || len(key) != 24 {
		t.Fatalf("session_key %q is not 16 bytes in base64", key)
	}
	if key != w.SessionKey(appA, alice) {
		t.Fatal("SessionKey differs from the answer's")
	}

	// The same name at another app: another user, the same person.
	other := w.exchange(appB, secretB, w.Login(appB, alice))
	if other["session_key"] == got["session_key"] || other["unionid"] != got["unionid"] {
		t.Fatalf("second app: %v", other)
	}

	// Somebody new has an openid of WeChat's form.
	if id := text(t, w.exchange(appA, secretA, w.Login(appA, "")), "openid"); len(id) != 28 || id[0] != 'o' {
		t.Fatalf("made-up openid %q", id)
	}
}

func TestCode2SessionRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		method string
		change func(w world, query url.Values)
		want   int
	}{
		"no appid":           {"", func(_ world, q url.Values) { q.Del("appid") }, 41002},
		"no secret":          {"", func(_ world, q url.Values) { q.Del("secret") }, 41004},
		"no code":            {"", func(_ world, q url.Values) { q.Del("js_code") }, 41008},
		"another key name":   {"", func(_ world, q url.Values) { q.Set("code", q.Get("js_code")); q.Del("js_code") }, 41008},
		"grant_type":         {"", func(_ world, q url.Values) { q.Set("grant_type", "client_credential") }, 40002},
		"unknown appid":      {"", func(_ world, q url.Values) { q.Set("appid", "wx00000000000000cc") }, 40013},
		"wrong secret":       {"", func(_ world, q url.Values) { q.Set("secret", secretB) }, 40125},
		"invented code":      {"", func(_ world, q url.Values) { q.Set("js_code", "0abc") }, 40029},
		"code of other app":  {"", func(_ world, q url.Values) { q.Set("appid", appB); q.Set("secret", secretB) }, 40029},
		"expired code":       {"", func(w world, _ url.Values) { w.clock.advance(5 * time.Minute) }, 40029},
		"risky user":         {"", func(w world, _ url.Values) { w.SetRisky(appA, alice, true) }, 40226},
		"POST":               {"POST", func(world, url.Values) {}, 43001},
		"POST form":          {"POST", func(_ world, q url.Values) { clear(q) }, 41002},
		"phone's other code": {"", func(w world, q url.Values) { phone, _ := w.Phone(appA, alice); q.Set("js_code", phone.Code) }, 40029},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, wechattest.Options{})
			query := exchangeQuery(appA, secretA, w.Login(appA, alice))
			test.change(w, query)
			if test.method == "" {
				test.method = "GET"
			}
			wantErr(t, w.ask(test.method, wechattest.PathCode2Session, query, ""), test.want)
		})
	}
}

func TestCodeWorksOnceAndForFiveMinutes(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	code := w.Login(appA, alice)
	wantErr(t, w.exchange(appB, secretB, code), 40029) // which does not consume it
	w.clock.advance(5*time.Minute - time.Nanosecond)
	wantOK(t, w.exchange(appA, secretA, code))
	wantErr(t, w.exchange(appA, secretA, code), 40163)
	w.clock.advance(time.Nanosecond)
	wantErr(t, w.exchange(appA, secretA, code), 40029)
}

func TestParallelExchangeSucceedsOnce(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	code := w.Login(appA, alice)
	var wins, used int
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			got := w.exchange(appA, secretA, code)
			mu.Lock()
			defer mu.Unlock()
			if got["openid"] == alice {
				wins++
			}
			if got["errcode"] == float64(40163) {
				used++
			}
		})
	}
	group.Wait()
	if wins != 1 || used != 15 {
		t.Fatalf("%d succeeded, %d were told 40163; want 1 and 15", wins, used)
	}
	if n := w.CountCalls(wechattest.PathCode2Session); n != 16 {
		t.Fatalf("CountCalls = %d; want 16", n)
	}
}

func TestRIDIsFreshEachTime(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	first, second := w.exchange(appA, secretA, "x"), w.exchange(appA, secretA, "x")
	if first["errmsg"] == second["errmsg"] {
		t.Fatalf("two answers share %v", first["errmsg"])
	}
}

func TestSessionKeyRotatesAtLogin(t *testing.T) {
	w := newWorld(t, wechattest.Options{SessionKeyMinRefresh: time.Minute})
	first := text(t, w.exchange(appA, secretA, w.Login(appA, alice)), "session_key")
	w.clock.advance(time.Minute - time.Nanosecond)
	if again := w.exchange(appA, secretA, w.Login(appA, alice)); again["session_key"] != first {
		t.Fatal("the key changed within the minimum refresh period")
	}
	w.clock.advance(time.Nanosecond)
	late := w.Login(appA, alice)
	// The code alone does it: what was encrypted before is unreadable with the key of now.
	if w.SessionKey(appA, alice) == first {
		t.Fatal("the key outlived the refresh period")
	}
	if second := w.exchange(appA, secretA, late); second["session_key"] != w.SessionKey(appA, alice) {
		t.Fatal("the exchange did not give the current key")
	}

	always := newWorld(t, wechattest.Options{SessionKeyMinRefresh: -1})
	always.Login(appA, alice)
	first = always.SessionKey(appA, alice)
	always.Login(appA, alice)
	if always.SessionKey(appA, alice) == first {
		t.Fatal("a negative period must rotate at every login")
	}
}

func TestUnionID(t *testing.T) {
	unbound := newWorld(t, wechattest.Options{NoUnionID: true})
	if got := unbound.exchange(appA, secretA, unbound.Login(appA, alice)); len(got) != 2 {
		t.Fatalf("unbound app answered %v", got)
	}
	unbound.SetUnionID(appA, alice, "oBoundLater")
	if got := unbound.exchange(appA, secretA, unbound.Login(appA, alice)); got["unionid"] != "oBoundLater" {
		t.Fatalf("bound later, answered %v", got)
	}
}

func TestCode2SessionQuotaIsPerUserAndMinute(t *testing.T) {
	w := newWorld(t, wechattest.Options{})
	for range 100 {
		wantOK(t, w.exchange(appA, secretA, w.Login(appA, alice)))
	}
	kept := w.Login(appA, alice)
	wantErr(t, w.exchange(appA, secretA, kept), 45011)
	wantOK(t, w.exchange(appA, secretA, w.Login(appA, bob)))
	w.clock.advance(time.Minute)
	wantOK(t, w.exchange(appA, secretA, kept)) // 45011 does not consume

	open := newWorld(t, wechattest.Options{Quotas: wechattest.Quotas{Code2SessionPerMinute: -1}})
	for range 101 {
		wantOK(t, open.exchange(appA, secretA, open.Login(appA, alice)))
	}
}

func TestAnyApp(t *testing.T) {
	w := newWorld(t, wechattest.Options{Apps: map[string]string{}})
	for appid, want := range map[string]int{
		"wx1234567890abcdef": 0, "wx1234567890ABCDEF": 40013, "wx1234": 40013, "xx1234567890abcdef": 40013,
	} {
		got := w.exchange(appid, "anything", w.Login(appid, alice))
		if want != 0 {
			wantErr(t, got, want)
		} else {
			wantOK(t, got)
		}
	}
	wantErr(t, w.exchange(wechattest.DemoAppID, "", w.Login("", "")), 41004)
	wantOK(t, w.exchange(wechattest.DemoAppID, "anything", w.Login("", "")))
}
