// health_test.go: health is red when nobody can log in, wherever it is asked.

package wechathealth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
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
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true, Site: healthSite, Apps: []string{gatewaytest.AppA, gatewaytest.AppB}})
	healths := func(status int, texts ...string) {
		t.Helper()
		time.Sleep(1100 * time.Millisecond) // probes together ask once a second
		for name, got := range map[string]gatewaytest.Reply{
			"admin": gw.Ask(t, "GET", "/wechat/health"),
			"probe": gw.H1.Do(t, gatewaytest.Call{Target: "/healthz"}),
		} {
			if got.Status != status || !gatewaytest.ContainsAll(got.Body, texts) || strings.Contains(got.Body, gatewaytest.SecretA) {
				t.Errorf("%s: %d %q, want %d with %q", name, got.Status, got.Body, status, texts)
			}
		}
	}
	healths(200, "store: ok\nwechat: ok\n")
	for _, errcode := range []int{40013, 40125, 40164, 40243} {
		if err := gw.Sim.Fault(wechattest.Fault{Path: wechattest.PathCode2Session, ErrCode: errcode}); err != nil {
			t.Fatal(err)
		}
		gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)), 502)
	}
	healths(503, "store: ok\nwechat: ", "app "+gatewaytest.AppA, "errcode 40243", "unfreeze it")
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppB, gatewaytest.Alice)), 200)
	healths(503, "app "+gatewaytest.AppA)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)), 200)
	healths(200, "store: ok\nwechat: ok\n")
}

// A probe needs no session, and is all that it gets: other paths stay behind the gate,
// and no flood of probes becomes a flood of calls to WeChat.
func TestHealthForProbes(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Site: healthSite})
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		got := c.Do(t, gatewaytest.Call{Target: "/healthz"})
		gatewaytest.RequireStatus(t, got, 200)
		if got.Header.Get("Cache-Control") != "no-store" || got.Body != "store: ok\nwechat: ok\n" {
			t.Errorf("%v %q", got.Header, got.Body)
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
			got := c.Do(t, gatewaytest.Call{Method: method, Target: "/healthz"})
			if gatewaytest.RequireProblem(t, got, 405, "invalid_request"); got.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s: Allow %q", method, got.Header.Get("Allow"))
			}
		}
		gatewaytest.RequireStatus(t, c.Do(t, gatewaytest.Call{Target: "/healthz/x"}), 401)
	})
	if seen := gw.Upstream.Requests(); len(seen) > 0 {
		t.Errorf("a probe reached the backend: %v", seen)
	}
	before, since := len(gw.Sim.Calls()), time.Now()
	for range 200 {
		gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Target: "/healthz"}), 200)
	}
	if n := len(gw.Sim.Calls()) - before; n > 2+int(time.Since(since)/time.Second) {
		t.Errorf("200 probes in %v asked WeChat %d times", time.Since(since), n)
	}
}
