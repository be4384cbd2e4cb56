// tunnels.go: upgrades that are no WebSocket.

package gatewaytest

// Tunnels are upgrades that must not pass, as header lines.
var Tunnels = map[string]string{
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
