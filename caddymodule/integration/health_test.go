// health_test.go: health is red when nobody can log in, wherever it is asked.

package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

const healthSite = `wechat_health /healthz
wechat_auth {
 app *
}
reverse_proxy <UPSTREAM>`

// WeChat refuses an app: the login fails, and health says which app and what to do,
// on the admin endpoint and for probes alike, until a login succeeds.
func TestHealthTellsRefusals(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Admin: true, Site: healthSite, Apps: []string{appA, appB}})
	healths := func(status int, texts ...string) {
		t.Helper()
		time.Sleep(1100 * time.Millisecond) // probes together ask once a second
		for name, got := range map[string]reply{
			"admin": gw.ask(t, "GET", "/wechat/health"),
			"probe": gw.h1.do(t, call{Target: "/healthz"}),
		} {
			if got.Status != status || !containsAll(got.Body, texts) || strings.Contains(got.Body, secretA) {
				t.Errorf("%s: %d %q, want %d with %q", name, got.Status, got.Body, status, texts)
			}
		}
	}
	healths(200, "store: ok\nwechat: ok\n")
	for _, errcode := range []int{40013, 40125, 40164, 40243} {
		if err := gw.sim.Fault(wechattest.Fault{Path: wechattest.PathCode2Session, ErrCode: errcode}); err != nil {
			t.Fatal(err)
		}
		requireStatus(t, gw.h1.do(t, loginCall(gw, appA, alice)), 502)
	}
	healths(503, "store: ok\nwechat: ", "app "+appA, "errcode 40243", "unfreeze it")
	requireStatus(t, gw.h1.do(t, loginCall(gw, appB, alice)), 200)
	healths(503, "app "+appA)
	requireStatus(t, gw.h1.do(t, loginCall(gw, appA, alice)), 200)
	healths(200, "store: ok\nwechat: ok\n")
}

// A probe needs no session, and is all that it gets: other paths stay behind the gate,
// and no flood of probes becomes a flood of calls to WeChat.
func TestHealthForProbes(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory, Site: healthSite})
	gw.each(t, func(t *testing.T, c *client) {
		got := c.do(t, call{Target: "/healthz"})
		requireStatus(t, got, 200)
		if got.Header.Get("Cache-Control") != "no-store" || got.Body != "store: ok\nwechat: ok\n" {
			t.Errorf("%v %q", got.Header, got.Body)
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
			got := c.do(t, call{Method: method, Target: "/healthz"})
			if requireProblem(t, got, 405, "invalid_request"); got.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s: Allow %q", method, got.Header.Get("Allow"))
			}
		}
		requireStatus(t, c.do(t, call{Target: "/healthz/x"}), 401)
	})
	if seen := gw.up.Requests(); len(seen) > 0 {
		t.Errorf("a probe reached the backend: %v", seen)
	}
	before, since := len(gw.sim.Calls()), time.Now()
	for range 200 {
		requireStatus(t, gw.h1.do(t, call{Target: "/healthz"}), 200)
	}
	if n := len(gw.sim.Calls()) - before; n > 2+int(time.Since(since)/time.Second) {
		t.Errorf("200 probes in %v asked WeChat %d times", time.Since(since), n)
	}
}
