// web_login_replay_test.go: what is over stays over: a state, a finished login, and a
// ticket that came to a site which is not for its app.

package wechatauth_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// requireNobody fails if a browser has a session, or was given one.
func (b *browser) requireNobody(t *testing.T) {
	t.Helper()
	if b.cookies[gatewaytest.CookieName] != "" {
		t.Error("the browser has a session")
	}
	if to := location(t, b.open(t, "/x")); to.Path != "/wechat/authorize" {
		t.Errorf("sent to %s", to)
	}
}

// Who kept the cookie of a login from before its end, or has stolen it, ends it no second
// time: neither with another code nor with the same, and WeChat is not asked.
func TestWebLoginStateIsSpent(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.WebSetup())
	b := newBrowser(gw, gatewaytest.InWeChat)
	state := b.authorize(t, "?return=/x")
	kept := maps.Clone(b.cookies)
	code := b.code(gatewaytest.AppOfficial, gatewaytest.Alice)
	gatewaytest.RequireStatus(t, b.open(t, "/wechat/callback?code="+code+"&state="+state), 302)
	gatewaytest.RequireCalls(t, gw, wechattest.PathOAuthToken, 1)
	for _, again := range []string{code, b.code(gatewaytest.AppOfficial, gatewaytest.Eve)} {
		thief := newBrowser(gw, gatewaytest.InWeChat)
		thief.cookies = maps.Clone(kept)
		if to := location(t, thief.open(t, "/wechat/callback?code="+again+"&state="+state)); to.String() != "/x" {
			t.Errorf("sent to %s", to)
		}
		thief.requireNobody(t)
	}
	gatewaytest.RequireCalls(t, gw, wechattest.PathOAuthToken, 1)
	gatewaytest.RequireStatus(t, b.open(t, "/x"), 200)
}

// The callback of a login that made a session leads on as long as the browser holds that
// session, and no longer.
func TestWebLoginLoadedAfterItsSession(t *testing.T) {
	t.Run("another one since", func(t *testing.T) {
		gw := gatewaytest.Start(t, gatewaytest.WebSetup())
		b := newBrowser(gw, gatewaytest.InWeChat)
		state := b.authorize(t, "?return=/x")
		first := "/wechat/callback?code=" + b.code(gatewaytest.AppOfficial, gatewaytest.Alice) + "&state=" + state
		gatewaytest.RequireStatus(t, b.open(t, first), 302)
		gatewaytest.RequireStatus(t, b.open(t, first), 302)
		b.enter(t, gatewaytest.AppOfficial, gatewaytest.Eve, "?return=/y")
		requirePage(t, b.open(t, first), 400)
		gatewaytest.RequireStatus(t, b.open(t, "/x"), 200) // Eve's session is as it was
	})
	t.Run("none any more", func(t *testing.T) {
		gw := gatewaytest.Start(t, gatewaytest.WebSetup())
		b := newBrowser(gw, gatewaytest.InWeChat)
		state := b.authorize(t, "?return=/x")
		target := "/wechat/callback?code=" + b.code(gatewaytest.AppOfficial, gatewaytest.Alice) + "&state=" + state
		gatewaytest.RequireStatus(t, b.open(t, target), 302)
		gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: b.cookies[gatewaytest.CookieName]}), 204)
		requirePage(t, b.open(t, target), 400)
	})
}

// A site takes the tickets of its own apps, and does not spend those of others.
func TestTicketOfAnotherApp(t *testing.T) {
	s := gatewaytest.WebSetup()
	addr := gatewaytest.FreeAddr(t)
	s.Sites = "http://:" + gatewaytest.PortOf(addr) + " {\n bind 127.0.0.1\n wechat_auth {\n app " + gatewaytest.AppOfficial + "\n web_login\n }\n reverse_proxy <UPSTREAM>\n}\n"
	gw := gatewaytest.Start(t, s)
	got := gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/ticket", Token: gatewaytest.Login(t, gw, gatewaytest.Alice)})
	gatewaytest.RequireStatus(t, got, 200)
	var made struct{ Ticket string }
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || made.Ticket == "" {
		t.Fatalf("%s", got.Body)
	}
	other := *gw.H1
	other.Base, other.Addr = "http://"+addr, addr
	gatewaytest.RequireProblem(t, other.Do(t, gatewaytest.Call{Target: "/wechat/enter?ticket=" + made.Ticket}), 401, "invalid_token")
	gatewaytest.RequireStatus(t, newBrowser(gw, gatewaytest.InWeChat).open(t, "/wechat/enter?ticket="+made.Ticket), 302)
}
