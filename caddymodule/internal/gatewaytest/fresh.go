// fresh.go: clients that share no connection, and logins that are waited for.

package gatewaytest

import (
	"net/http"
	"testing"
)

// Fresh is a client of one connection per request: what it gets is the gateway's
// word, and not that of a connection which a reload has ended.
func (gw *Gateway) Fresh() *Client {
	tr := gw.H1.transport.(*http.Transport).Clone()
	tr.DisableKeepAlives = true
	c := *gw.H1
	c.transport = tr
	return &c
}

// AwaitLogin logs a user in, also when the connection goes to a server that is
// being stopped.
func (gw *Gateway) AwaitLogin(t *testing.T, openid string) {
	t.Helper()
	Await(t, "a login", func() bool {
		gw.HangUp()
		got, err := gw.H1.Try(LoginCall(gw, AppA, openid))
		if err == nil {
			RequireStatus(t, got, 200)
		}
		return err == nil
	})
}
