// upgrade_test.go: upgrades that make a pipe out of a request (C2).

package integration

import (
	"io"
	"strings"
	"testing"
)

// tunnels are upgrades that must not pass, as header lines.
var tunnels = map[string]string{
	"h2c":                      "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__\n",
	"h2c, not in Connection":   "Upgrade: h2c\n",
	"websocket, h2c":           "Connection: Upgrade\nUpgrade: websocket, h2c\n",
	"h2c, websocket":           "Connection: Upgrade\nUpgrade: h2c, websocket\n",
	"two lines":                "Connection: Upgrade\nUpgrade: websocket\nUpgrade: h2c\n",
	"two lines, reversed":      "Connection: Upgrade\nUpgrade: h2c\nUpgrade: websocket\n",
	"websocket twice":          "Connection: Upgrade\nUpgrade: websocket\nUpgrade: websocket\n",
	"unknown":                  "Connection: Upgrade\nUpgrade: foo/9\n",
	"versioned":                "Connection: Upgrade\nUpgrade: websocket/13\n",
	"TLS":                      "Connection: Upgrade\nUpgrade: TLS/1.0\n",
	"empty":                    "Connection: Upgrade\nUpgrade:\n",
	"empty, then websocket":    "Connection: Upgrade\nUpgrade:\nUpgrade: websocket\n",
	"quoted":                   "Connection: Upgrade\nUpgrade: \"websocket\"\n",
	"websocket, no Connection": "Upgrade: websocket\n",
	"other Connection":         "Connection: keep-alive\nUpgrade: websocket\n",
	"Connection token cousin":  "Connection: xupgrade\nUpgrade: websocket\n",
	"upper case":               "CONNECTION: UPGRADE\nUPGRADE: H2C\nhttp2-settings: AAMAAABkAAQAAP__\n",
	"trailing comma":           "Connection: Upgrade\nUpgrade: websocket,\n",
	"blank of Unicode":         "Connection: Upgrade\nUpgrade: \u00a0websocket\n",
	"blank of Latin-1":         "Connection: Upgrade\nUpgrade: websocket\xa0\n",
	"long s":                   "Connection: Upgrade\nUpgrade: web\u017focket\n",
	"Kelvin sign":              "Connection: Upgrade\nUpgrade: websoc\u212aet\n",
}

// One allowed request, even a public one, becomes a pipe to a backend that
// agrees to any Upgrade; in the pipe the client writes a request of its own,
// with headers of its own. The backend here would agree to everything.
func TestUpgradeTunnels(t *testing.T) {
	gw := start(t, setup{Auth: publicAuth})
	gw.up.SetLax(true)
	token := login(t, gw, alice)
	inner := crlf(gw.fill("GET /admin HTTP/1.1\nHost: <HTTP>\nX-WeChat-OpenID: " + eve + "\n\n"))
	for name, lines := range tunnels {
		t.Run(name, func(t *testing.T) {
			for _, request := range []string{
				"GET /public/x HTTP/1.1\nHost: <HTTP>\n",
				"GET /public/x HTTP/1.1\nHost: <HTTP>\nAuthorization: Bearer " + token + "\n",
				"GET /api/me HTTP/1.1\nHost: <HTTP>\nAuthorization: Bearer " + token + "\n",
				"OPTIONS /public/x HTTP/1.1\nHost: <HTTP>\n",
			} {
				conn := dialRaw(t, gw.HTTP)
				conn.send(t, crlf(gw.fill(request)+lines+"\n")+inner)
				got := conn.read(t, "GET")
				if got.Status == 101 {
					t.Errorf("a tunnel was opened for %s", request)
					conn.Close()
					gw.up.Reset()
					continue
				}
				// the bytes behind the request are another request to the gateway
				if second := conn.read(t, "GET"); second.Status != 401 {
					t.Errorf("the request behind it was answered %d", second.Status)
				}
				conn.Close()
				seen := gw.up.only(t)
				requireBelongs(t, seen, strings.Contains(request, "Bearer"))
				for _, name := range []string{"Upgrade", "Connection", "HTTP2-Settings"} {
					if v := seen.get(name); v != "" {
						t.Errorf("the upstream saw %s: %s", name, v)
					}
				}
			}
		})
	}
}

// The same without a token is the gate's 401, and nothing reaches the backend.
func TestUpgradeTunnelsRefused(t *testing.T) {
	gw := start(t, setup{})
	gw.up.SetLax(true)
	for name, lines := range tunnels {
		t.Run(name, func(t *testing.T) {
			requireRefused(t, rawHTTP(t, gw.HTTP, gw.fill("GET /api/me HTTP/1.1\nHost: <HTTP>\n"+lines+"\n")))
			requireNoUpstream(t, gw)
		})
	}
}

// HTTP/2 and HTTP/3 know no Upgrade, but a client can write one.
func TestUpgradeInOtherVersions(t *testing.T) {
	gw := start(t, setup{Auth: publicAuth})
	gw.up.SetLax(true)
	token := login(t, gw, alice)
	for _, c := range []*client{gw.h2, gw.h2c, gw.h3} {
		for _, list := range [][]field{
			fields("Upgrade", "h2c"),
			fields("Upgrade", "websocket"),
			fields("Connection", "Upgrade", "Upgrade", "h2c"),
			fields("HTTP2-Settings", "AAMAAABkAAQAAP__"),
		} {
			got, err := c.exact(t, exactCall{Target: "/api/me", Fields: append(list, bearer(token))})
			if err == nil && got.Status == 101 {
				t.Errorf("%s: %v: %v", c.Name, list, got)
			}
			for _, seen := range gw.up.Requests() {
				requireIdentity(t, seen, alice)
				if seen.get("Upgrade") != "" || seen.get("HTTP2-Settings") != "" {
					t.Errorf("%s: the upstream saw an upgrade:\n%s", c.Name, seen.Raw)
				}
			}
			gw.up.Reset()
		}
	}
}

// A WebSocket handshake passes; a backend that switches to another protocol
// than that gets no pipe.
func TestUpgradeAnsweredWithAnother(t *testing.T) {
	gw := start(t, setup{Auth: publicAuth})
	gw.up.SetAnswer(func(request) string {
		return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
	})
	conn := dialRaw(t, gw.HTTP)
	conn.send(t, crlf(gw.fill("GET /public/x HTTP/1.1\nHost: <HTTP>\nConnection: close\n\n"))+"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	if text, _ := io.ReadAll(conn); strings.Contains(string(text), "101") {
		t.Errorf("a tunnel was opened: %s", text)
	}
	if seen := gw.up.only(t); strings.Contains(seen.Raw, "PRI") {
		t.Errorf("the upstream saw the tunnel:\n%s", seen.Raw)
	}
}
