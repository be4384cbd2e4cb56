// gate_test.go: the gate does what it is for, over every version of HTTP.

package integration

import "testing"

// The plain way: a login, a request with the token, one without.
func TestGate(t *testing.T) {
	gw := start(t, setup{})
	token := login(t, gw, alice)
	gw.each(t, func(t *testing.T, c *client) {
		got := c.do(t, call{Target: "/me?a=b", Token: token})
		requireStatus(t, got, 200)
		if got.Body != "GET /me?a=b 0\n" {
			t.Errorf("body %q", got.Body)
		}
		seen := gw.up.only(t)
		requireIdentity(t, seen, alice)
		requireNoToken(t, seen, token)

		requireRefused(t, c.do(t, call{Target: "/me"}))
		requireRefused(t, c.do(t, call{Target: "/me", Token: token + "x"}))
		requireNoUpstream(t, gw)
	})
}
