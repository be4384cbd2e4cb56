// named_route_others_test.go: the other directives in named routes. Caddy answers what
// comes to no handler with an empty 200.

package wechatauth_test

import (
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// othersInNamedRoutes are a probe, a relay and an inbox that a site invokes.
func othersInNamedRoutes(probe, relay, inbox string) gatewaytest.Setup {
	return gatewaytest.Setup{
		Wechat: gatewaytest.InMemory + "app " + gatewaytest.AppA + " " + gatewaytest.SecretA + " {\n push " + gatewaytest.PushToken + "\n}\n",
		Apps:   []string{gatewaytest.AppB},
		Site: "handle /healthz {\n " + probe + "\n}\nhandle /wxa/* {\n " + relay + "\n}\nhandle /push {\n " + inbox + "\n}\n" +
			"handle {\n wechat_auth {\n app *\n }\n reverse_proxy <UPSTREAM>\n}",
		Sites: "&(probe) {\n header X-A b\n wechat_health\n}\n" +
			"&(relay) {\n header X-A b\n wechat_api {\n key 0123456789abcdef0123\n }\n}\n" +
			"&(inbox) {\n header X-A b\n wechat_push\n reverse_proxy <UPSTREAM>\n}\n",
	}
}

// Each is there among other lines of a named route.
func TestOthersInNamedRoutes(t *testing.T) {
	gw := gatewaytest.Start(t, othersInNamedRoutes("invoke probe", "invoke relay", "invoke inbox"))
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		if got := c.Do(t, gatewaytest.Call{Target: "/healthz"}); got.Status != 200 || got.Body != "store: ok\nwechat: ok\n" {
			t.Errorf("health: %v", got)
		}
		gatewaytest.RequireProblem(t, c.Do(t, gatewaytest.Call{Target: "/wxa/x"}), 401, "invalid_token")
		gatewaytest.RequireProblem(t, c.Do(t, gatewaytest.Call{Method: "POST", Target: "/push", Body: "<xml></xml>", Header: gatewaytest.Header("X-WeChat-Push", "text", "X-WeChat-OpenID", gatewaytest.Eve)}), 403, "access_denied")
		gatewaytest.RequireNoUpstream(t, gw)
	})
}

// A named route that invokes theirs beside other lines keeps the first line alone: an
// error at load.
func TestOthersLostByNamedRoute(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Site: "respond hello"})
	for name, directive := range map[string]string{"probe": "wechat_health", "relay": "wechat_api", "inbox": "wechat_push"} {
		s := othersInNamedRoutes("invoke probe", "invoke relay", "invoke inbox")
		s.Site = strings.Replace(s.Site, "invoke "+name, "invoke outer", 1)
		s.Sites += "&(outer) {\n header X-B c\n invoke " + name + "\n}\n"
		err := gw.Load(s)
		if want := `"` + name + `" holds ` + directive + ", and nothing invokes it"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("loading: %v; want %s", err, want)
		}
	}
	// a check is in no named route at all
	err := gw.Load(gatewaytest.Setup{Site: "respond hello", Sites: "&(door) {\n header X-A b\n wechat_check {\n app *\n }\n}\nhttp://:" + gatewaytest.PortOf(gatewaytest.FreeAddr(t)) + " {\n bind 127.0.0.1\n invoke door\n}\n"})
	if err == nil || !strings.Contains(err.Error(), " must be reached by every request on its listener, and the named route door") {
		t.Errorf("loading: %v", err)
	}
}
