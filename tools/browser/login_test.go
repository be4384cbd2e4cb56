// login_test.go: people log in, and get where they wanted to go.

package browser

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// All the ways in and around a login, each by another person with a browser of their own.
func TestLogins(t *testing.T) {
	w := startWorld(t)
	browser := chromium(t, false)

	t.Run("by a page inside WeChat", func(t *testing.T) {
		b := open(t, browser, inWeChat)
		target := w.site + "/orders?page=2&q=%20x"
		b.goTo(target)
		b.requirePick(w, "/connect/oauth2/authorize")
		b.picture("wechat")

		pending := 0
		for name, c := range b.cookies(w.site) {
			if !strings.HasPrefix(name, loginCookies) {
				t.Errorf("before the login there is the cookie %s", name)
				continue
			}
			pending++
			requireStrict(t, c)
			if left := time.Until(time.Unix(int64(c.Expires), 0)); left <= 0 || left > 11*time.Minute {
				t.Errorf("the login cookie lives for %v", left)
			}
		}
		if pending != 1 {
			t.Errorf("%d login cookies", pending)
		}
		if status := b.pick("sim_user", xiaoming); status != 200 {
			t.Fatalf("the login ends with %d", status)
		}
		b.requireCaller(target, xiaoming, appOfficial)
		b.picture("backend")

		c := b.cookies(w.site)[sessionCookie]
		if c == nil {
			t.Fatal("no session cookie")
		}
		requireStrict(t, c)
		if left := time.Until(time.Unix(int64(c.Expires), 0)); left < 23*time.Hour || left > 25*time.Hour {
			t.Errorf("the session cookie lives for %v", left)
		}
		if seen := b.script(`Promise.resolve(document.cookie)`); seen != "" {
			t.Error("a script of the page sees cookies")
		}
		if from := b.script(`Promise.resolve(document.referrer)`); strings.Contains(from, "code=") || strings.Contains(from, "state=") {
			t.Error("the page's script learns code or state from the referrer")
		}
		if status := b.goTo(w.site + "/another"); status != 200 {
			t.Errorf("the next page: %d", status)
		}
		b.requireCaller(w.site+"/another", xiaoming, appOfficial)
	})

	t.Run("by a QR page", func(t *testing.T) {
		b := open(t, browser, onADesk)
		b.goTo(w.site + "/me")
		b.requirePick(w, "/connect/qrconnect")
		b.picture("wechat-qr")
		b.pick("sim_user", lijing)
		b.requireCaller(w.site+"/me", lijing, appWebsite)
	})

	t.Run("in two tabs at once", func(t *testing.T) {
		b := open(t, browser, onADesk)
		second := b.newTab()
		b.goTo(w.site + "/first")
		second.goTo(w.site + "/second")
		b.pick("sim_user", lijing)
		b.requireCaller(w.site+"/first", lijing, appWebsite)
		second.pick("sim_user", lijing)
		second.requireCaller(w.site+"/second", lijing, appWebsite)
		b.goTo(w.site + "/third")
		b.requireCaller(w.site+"/third", lijing, appWebsite)
	})

	t.Run("after refusing", func(t *testing.T) {
		b := open(t, browser, inWeChat)
		b.goTo(w.site + "/orders")
		b.requireRefusal(b.pick("sim_refuse", "1"), 403, "未完成登录", "access_denied")
		b.picture("refused")
		if b.cookies(w.site)[sessionCookie] != nil {
			t.Error("who refused has a session")
		}
		b.press("a.button")
		b.requirePick(w, "/connect/oauth2/authorize")
		b.pick("sim_user", xiaoming)
		b.requireCaller(w.site+"/orders", xiaoming, appOfficial)
	})

	t.Run("and come back with the back button", func(t *testing.T) {
		b := open(t, browser, inWeChat)
		b.goTo(w.site + "/orders")
		b.pick("sim_user", xiaoming)
		b.requireCaller(w.site+"/orders", xiaoming, appOfficial)
		before := b.cookies(w.site)[sessionCookie].Value

		b.do(chromedp.NavigateBack())
		b.requirePick(w, "/connect/oauth2/authorize")
		b.pick("sim_user", xiaoming) // the same state again: the login is over, and the person is in
		b.requireCaller(w.site+"/orders", xiaoming, appOfficial)
		if b.cookies(w.site)[sessionCookie].Value != before {
			t.Error("a login that was over has made another session")
		}
		b.do(chromedp.Reload())
		b.requireCaller(w.site+"/orders", xiaoming, appOfficial)
	})

	t.Run("and out", func(t *testing.T) {
		b := open(t, browser, inWeChat)
		b.goTo(w.site + "/orders")
		b.pick("sim_user", xiaoming)
		out := b.script(`fetch("/wechat/logout", {method: "POST"}).then(r => String(r.status))`)
		if out != "204" {
			t.Fatalf("the logout: %s", out)
		}
		if left := b.cookies(w.site); len(left) > 0 {
			t.Errorf("%d cookies are left", len(left))
		}
		if api := b.script(`fetch("/orders").then(r => String(r.status))`); api != "401" {
			t.Errorf("a call of the page's script is answered %s", api)
		}
		b.goTo(w.site + "/again")
		b.requirePick(w, "/connect/oauth2/authorize")
		b.pick("sim_user", lijing) // somebody else, this time
		b.requireCaller(w.site+"/again", lijing, appOfficial)
	})

	t.Run("from a mini program", func(t *testing.T) {
		b := open(t, browser, inWeChat)
		ticket := w.ticket(t, xiaoming)
		b.goTo(w.site + "/wechat/enter?ticket=" + ticket + "&return=%2Fshop%3Fx%3D1")
		b.requireCaller(w.site+"/shop?x=1", xiaoming, appMini)

		thief := open(t, browser, inWeChat)
		thief.requireRefusal(thief.goTo(w.site+"/wechat/enter?ticket="+ticket), 401, "链接已失效", "invalid_token")
		thief.picture("ticket-spent")
		b.requireRefusal(b.goTo(w.site+"/wechat/enter?ticket="+w.ticket(t, lijing)), 403, "已登录其他账号", "access_denied")
		b.picture("somebody-else")
		b.goTo(w.site + "/shop")
		b.requireCaller(w.site+"/shop", xiaoming, appMini)
	})
}

// requireStrict fails unless a cookie is one that no script and no other site gets at.
func requireStrict(t *testing.T, c *network.Cookie) {
	t.Helper()
	if !c.HTTPOnly || !c.Secure || c.SameSite != network.CookieSameSiteLax || c.Path != "/" || c.Domain != "localhost" {
		t.Errorf("the browser keeps %s as HttpOnly %v, Secure %v, SameSite %s, Path %s, Domain %s", c.Name, c.HTTPOnly, c.Secure, c.SameSite, c.Path, c.Domain)
	}
}
