// refusal_test.go: who cannot log in ends on a page that says what to do, and on no
// other.

package browser

import (
	"strings"
	"testing"
)

func TestRefusals(t *testing.T) {
	w := startWorld(t)
	browser := chromium(t, false)

	t.Run("a snapshot user", func(t *testing.T) {
		b := open(t, browser, inWeChat)
		b.goTo(w.site + "/orders")
		b.requireRefusal(b.pick("sim_snapshot", "1"), 403, "请使用完整服务", "access_denied")
		b.picture("snapshot")
		if b.cookies(w.site)[sessionCookie] != nil {
			t.Error("a snapshot user has a session")
		}
		b.goTo(w.site + "/orders")
		b.requirePick(w, "/connect/oauth2/authorize")
	})

	t.Run("outside WeChat, where only WeChat will do", func(t *testing.T) {
		b := open(t, browser, onADesk)
		b.requireRefusal(b.goTo(w.official+"/orders?page=2"), 403, "请在微信中打开", "access_denied")
		b.picture("needs-wechat")
		if shown := b.text(".address"); shown != w.official+"/orders?page=2" {
			t.Errorf("the page shows the address %s", shown)
		}
	})

	t.Run("inside WeChat, where it will not do", func(t *testing.T) {
		b := open(t, browser, inWeChat)
		b.requireRefusal(b.goTo(w.website+"/orders"), 403, "请在浏览器中打开", "access_denied")
		b.picture("needs-browser")
	})

	t.Run("with the address of another's login", func(t *testing.T) {
		attacker, victim := open(t, browser, inWeChat), open(t, browser, inWeChat)
		attacker.goTo(w.site + "/orders")
		login := attacker.address()
		victim.goTo(login) // the attacker's page of WeChat, with the attacker's state
		victim.requireRefusal(victim.pick("sim_user", lijing), 400, "请允许使用 Cookie", "invalid_request")
		if victim.cookies(w.site)[sessionCookie] != nil {
			t.Error("somebody is logged in by a login of another browser")
		}
	})

	// A WeChat that asks nobody would send such a browser round and round.
	t.Run("without cookies", func(t *testing.T) {
		b := openDefault(t, chromium(t, true), inWeChat)
		before := w.rounds.Load()
		status := b.goTo(w.silent + "/orders")
		b.requireRefusal(status, 400, "请允许使用 Cookie", "invalid_request")
		b.picture("no-cookies")
		if n := w.rounds.Load() - before; n != 1 {
			t.Errorf("the browser went to WeChat %d times", n)
		}
		if kept := b.cookies(w.silent); len(kept) != 0 {
			t.Fatalf("the browser keeps %d cookies: this test shows nothing", len(kept))
		}
		b.requireRefusal(b.press("a.button"), 400, "请允许使用 Cookie", "invalid_request")
		if n := w.rounds.Load() - before; n != 2 {
			t.Errorf("the browser went to WeChat %d times", n)
		}
		// the same WeChat lets one with cookies in
		c := open(t, browser, inWeChat)
		c.goTo(w.silent + "/orders")
		c.requireCaller(w.silent+"/orders", xiaoming, appOfficial)
	})
}

// Pages of other origins, one of them of the same site to the browser: it sends the
// session cookie along from there.
func TestForeignPages(t *testing.T) {
	w := startWorld(t)
	browser := chromium(t, false)
	b := open(t, browser, onADesk)
	b.goTo(w.site + "/orders")
	b.pick("sim_user", xiaoming)
	b.requireCaller(w.site+"/orders", xiaoming, appWebsite)
	evil := b.newTab()
	form := `(() => { const f = document.createElement("form"); f.method = "post"; f.action = "` + w.site + `/transfer"; f.id = "evil";
		const s = document.createElement("button"); s.id = "send"; s.textContent = "send"; f.append(s); document.body.replaceChildren(f); return Promise.resolve("") })()`

	for name, page := range map[string]string{
		"same site":    localPage(t, "localhost"),
		"another site": localPage(t, "127.0.0.1"),
	} {
		evil.goTo(page)
		evil.script(form)
		status := evil.press("#send")
		want := 403 // the cookie came along
		if name == "another site" {
			want = 401 // SameSite=Lax
		}
		if status != want {
			t.Errorf("a form of %s is answered %d; want %d", name, status, want)
		}

		evil.goTo(page)
		for what, source := range map[string]string{
			"a read":          `fetch("` + w.site + `/orders", {credentials: "include"}).then(r => "read " + r.status, () => "blocked")`,
			"a write":         `fetch("` + w.site + `/transfer", {method: "POST", credentials: "include"}).then(r => "read " + r.status, () => "blocked")`,
			"a JSON login":    `fetch("` + w.site + `/wechat/login", {method: "POST", credentials: "include", headers: {"Content-Type": "application/json"}, body: "{}"}).then(r => "read " + r.status, () => "blocked")`,
			"a ticket":        `fetch("` + w.site + `/wechat/ticket", {method: "POST", credentials: "include"}).then(r => "read " + r.status, () => "blocked")`,
			"the session":     `fetch("` + w.site + `/wechat/session", {credentials: "include"}).then(r => "read " + r.status, () => "blocked")`,
			"a WebSocket":     `new Promise(done => { const s = new WebSocket("` + strings.Replace(w.site, "http:", "ws:", 1) + `/live"); s.onopen = () => done("open"); s.onerror = () => done("blocked") })`,
			"a forced logout": `fetch("` + w.site + `/wechat/logout", {method: "POST", mode: "no-cors", credentials: "include"}).then(() => "blocked", () => "blocked")`,
		} {
			if got := evil.script(source); got != "blocked" {
				t.Errorf("%s from %s: %s", what, name, got)
			}
		}
		// a frame shows no page of the gateway's, and the user is still logged in
		b.goTo(w.site + "/orders")
		b.requireCaller(w.site+"/orders", xiaoming, appWebsite)
	}
}
