// upgrade_test.go: upgrades that make a pipe out of a request (C2).

package wechatauth_test

import (
	"io"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// One allowed request, even a public one, becomes a pipe to a backend that
// agrees to any Upgrade; in the pipe the client writes a request of its own,
// with headers of its own. The backend here would agree to everything.
func TestUpgradeTunnels(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	gw.Upstream.SetLax(true)
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	inner := gatewaytest.CRLF(gw.Fill("GET /admin HTTP/1.1\nHost: <HTTP>\nX-WeChat-OpenID: " + gatewaytest.Eve + "\n\n"))
	for name, lines := range gatewaytest.Tunnels {
		t.Run(name, func(t *testing.T) {
			for _, request := range []string{
				"GET /public/x HTTP/1.1\nHost: <HTTP>\n",
				"GET /public/x HTTP/1.1\nHost: <HTTP>\nAuthorization: Bearer " + token + "\n",
				"GET /api/me HTTP/1.1\nHost: <HTTP>\nAuthorization: Bearer " + token + "\n",
				"OPTIONS /public/x HTTP/1.1\nHost: <HTTP>\n",
			} {
				conn := gatewaytest.DialRaw(t, gw.HTTP)
				conn.Send(t, gatewaytest.CRLF(gw.Fill(request)+lines+"\n")+inner)
				got := conn.ReadReply(t, "GET")
				if got.Status == 101 {
					t.Errorf("a tunnel was opened for %s", request)
					conn.Close()
					gw.Upstream.Reset()
					continue
				}
				// the bytes behind the request are another request to the gateway
				if second := conn.ReadReply(t, "GET"); second.Status != 401 {
					t.Errorf("the request behind it was answered %d", second.Status)
				}
				conn.Close()
				seen := gw.Upstream.Only(t)
				requireBelongs(t, seen, strings.Contains(request, "Bearer"))
				for _, name := range []string{"Upgrade", "Connection", "HTTP2-Settings"} {
					if v := seen.Get(name); v != "" {
						t.Errorf("the upstream saw %s: %s", name, v)
					}
				}
			}
		})
	}
}

// The same without a token is the gate's 401, and nothing reaches the backend.
func TestUpgradeTunnelsRefused(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	gw.Upstream.SetLax(true)
	for name, lines := range gatewaytest.Tunnels {
		t.Run(name, func(t *testing.T) {
			gatewaytest.RequireRefused(t, gatewaytest.RawHTTP(t, gw.HTTP, gw.Fill("GET /api/me HTTP/1.1\nHost: <HTTP>\n"+lines+"\n")))
			gatewaytest.RequireNoUpstream(t, gw)
		})
	}
}

// HTTP/2 and HTTP/3 know no Upgrade, but a client can write one.
func TestUpgradeInOtherVersions(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	gw.Upstream.SetLax(true)
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	for _, c := range []*gatewaytest.Client{gw.H2, gw.H2C, gw.H3} {
		for _, list := range [][]gatewaytest.Field{
			gatewaytest.Fields("Upgrade", "h2c"),
			gatewaytest.Fields("Upgrade", "websocket"),
			gatewaytest.Fields("Connection", "Upgrade", "Upgrade", "h2c"),
			gatewaytest.Fields("HTTP2-Settings", "AAMAAABkAAQAAP__"),
		} {
			got, err := c.Exact(t, gatewaytest.ExactCall{Target: "/api/me", Fields: append(list, gatewaytest.Bearer(token))})
			if err == nil && got.Status == 101 {
				t.Errorf("%s: %v: %v", c.Name, list, got)
			}
			for _, seen := range gw.Upstream.Requests() {
				gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
				if seen.Get("Upgrade") != "" || seen.Get("HTTP2-Settings") != "" {
					t.Errorf("%s: the upstream saw an upgrade:\n%s", c.Name, seen.Raw)
				}
			}
			gw.Upstream.Reset()
		}
	}
}

// A WebSocket handshake passes; a backend that switches to another protocol
// than that gets no pipe.
func TestUpgradeAnsweredWithAnother(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	gw.Upstream.SetAnswer(func(gatewaytest.Request) string {
		return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
	})
	conn := gatewaytest.DialRaw(t, gw.HTTP)
	conn.Send(t, gatewaytest.CRLF(gw.Fill("GET /public/x HTTP/1.1\nHost: <HTTP>\nConnection: close\n\n"))+"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	if text, _ := io.ReadAll(conn); strings.Contains(string(text), "101") {
		t.Errorf("a tunnel was opened: %s", text)
	}
	if seen := gw.Upstream.Only(t); strings.Contains(seen.Raw, "PRI") {
		t.Errorf("the upstream saw the tunnel:\n%s", seen.Raw)
	}
}
