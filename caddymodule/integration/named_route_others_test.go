// named_route_others_test.go: the other directives in named routes. Caddy answers what
// comes to no handler with an empty 200.

package integration

import (
	"strings"
	"testing"
)

// othersInNamedRoutes are a probe, a relay and an inbox that a site invokes.
func othersInNamedRoutes(probe, relay, inbox string) setup {
	return setup{
		Wechat: inMemory + "app " + appA + " " + secretA + " {\n push " + pushToken + "\n}\n",
		Apps:   []string{appB},
		Site: "handle /healthz {\n " + probe + "\n}\nhandle /wxa/* {\n " + relay + "\n}\nhandle /push {\n " + inbox + "\n}\n" +
			"handle {\n wechat_auth {\n app *\n }\n reverse_proxy <UPSTREAM>\n}",
		Sites: "&(probe) {\n header X-A b\n wechat_health\n}\n" +
			"&(relay) {\n header X-A b\n wechat_api {\n key 0123456789abcdef0123\n }\n}\n" +
			"&(inbox) {\n header X-A b\n wechat_push\n reverse_proxy <UPSTREAM>\n}\n",
	}
}

// Each is there among other lines of a named route.
func TestOthersInNamedRoutes(t *testing.T) {
	gw := start(t, othersInNamedRoutes("invoke probe", "invoke relay", "invoke inbox"))
	gw.each(t, func(t *testing.T, c *client) {
		if got := c.do(t, call{Target: "/healthz"}); got.Status != 200 || got.Body != "store: ok\nwechat: ok\n" {
			t.Errorf("health: %v", got)
		}
		requireProblem(t, c.do(t, call{Target: "/wxa/x"}), 401, "invalid_token")
		requireProblem(t, c.do(t, call{Method: "POST", Target: "/push", Body: "<xml></xml>", Header: header("X-WeChat-Push", "text", "X-WeChat-OpenID", eve)}), 403, "access_denied")
		requireNoUpstream(t, gw)
	})
}

// A named route that invokes theirs beside other lines keeps the first line alone: an
// error at load.
func TestOthersLostByNamedRoute(t *testing.T) {
	gw := start(t, setup{Site: "respond hello"})
	for name, directive := range map[string]string{"probe": "wechat_health", "relay": "wechat_api", "inbox": "wechat_push"} {
		s := othersInNamedRoutes("invoke probe", "invoke relay", "invoke inbox")
		s.Site = strings.Replace(s.Site, "invoke "+name, "invoke outer", 1)
		s.Sites += "&(outer) {\n header X-B c\n invoke " + name + "\n}\n"
		err := gw.load(s)
		if want := `"` + name + `" holds ` + directive + ", and nothing invokes it"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("loading: %v; want %s", err, want)
		}
	}
	// a check is in no named route at all
	err := gw.load(setup{Site: "respond hello", Sites: "&(door) {\n header X-A b\n wechat_check {\n app *\n }\n}\nhttp://:" + portOf(freeAddr(t)) + " {\n bind 127.0.0.1\n invoke door\n}\n"})
	if err == nil || !strings.Contains(err.Error(), "wechat_check must be reached by every request on its listener, and the named route door") {
		t.Errorf("loading: %v", err)
	}
}
