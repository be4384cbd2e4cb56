// gate_test.go: the gate does what it is for, over every version of HTTP.

package wechatauth_test

import (
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// The plain way: a login, a request with the token, one without.
func TestGate(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		got := c.Do(t, gatewaytest.Call{Target: "/me?a=b", Token: token})
		gatewaytest.RequireStatus(t, got, 200)
		if got.Body != "GET /me?a=b 0\n" {
			t.Errorf("body %q", got.Body)
		}
		seen := gw.Upstream.Only(t)
		gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
		gatewaytest.RequireNoToken(t, seen, token)

		gatewaytest.RequireRefused(t, c.Do(t, gatewaytest.Call{Target: "/me"}))
		gatewaytest.RequireRefused(t, c.Do(t, gatewaytest.Call{Target: "/me", Token: token + "x"}))
		gatewaytest.RequireNoUpstream(t, gw)
	})
}
