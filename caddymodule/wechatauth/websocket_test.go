// websocket_test.go: WebSockets pass with a session and not without (C20), in
// HTTP/1.1 and through extended CONNECT (RFC 8441, RFC 9220).

package wechatauth_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

const handshake = "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"

// A real client opens a WebSocket with its token and talks through it.
func TestWebSocket(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	for name, test := range map[string]struct {
		target, token string
		status        int
	}{
		"with a token":        {"/ws", token, 101},
		"without":             {"/ws", "", 401},
		"with a bad token":    {"/ws", token[:len(token)-4] + "AAAA", 401},
		"public, anonymous":   {"/public/ws", "", 101},
		"public, with token":  {"/public/ws", token, 101},
		"below the endpoints": {"/wechat/session", token, 200},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			options := &websocket.DialOptions{HTTPHeader: gatewaytest.Header("X-WeChat-UnionID", gatewaytest.Eve, "X_WeChat_OpenID", gatewaytest.Eve)}
			if test.token != "" {
				options.HTTPHeader.Set("Authorization", "Bearer "+test.token)
			}
			ws, response, err := websocket.Dial(ctx, "ws://"+gw.HTTP+test.target, options)
			if response == nil || response.StatusCode != test.status {
				t.Fatalf("%v %v; want %d", response, err, test.status)
			}
			if test.status != 101 {
				gatewaytest.RequireNoUpstream(t, gw)
				return
			}
			defer ws.CloseNow()
			if err := ws.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, text, err := ws.Read(ctx); err != nil || string(text) != "hello" {
				t.Errorf("%q %v came back", text, err)
			}
			seen := gw.Upstream.Only(t)
			requireBelongs(t, seen, test.token != "")
			if seen.Get("Upgrade") != "websocket" || seen.Get("Connection") != "Upgrade" || seen.Get("Sec-WebSocket-Key") == "" {
				t.Errorf("not a handshake:\n%s", seen.Raw)
			}
			if test.token != "" {
				gatewaytest.RequireNoToken(t, seen, test.token)
			}
		})
	}
}

// The handshake may be spelled in any case, list more in Connection, and name
// our header there: it passes, and the name is still there.
func TestWebSocketSpellings(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	rest := "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nAuthorization: Bearer " + token + "\n\n"
	for _, lines := range []string{
		"Connection: Upgrade\nUpgrade: websocket\n",
		"connection: keep-alive, upgrade\nupgrade: WebSocket\n",
		"Connection: keep-alive\nConnection: UPGRADE\nUpgrade:   websocket  \n",
		"Connection: Upgrade, X-WeChat-OpenID, X-WeChat-AppID\nUpgrade: websocket\n",
	} {
		conn := gatewaytest.DialRaw(t, gw.HTTP)
		conn.Send(t, gatewaytest.CRLF(gw.Fill("GET /ws HTTP/1.1\nHost: <HTTP>\n"+lines+rest)))
		if got := conn.ReadReply(t, "GET"); got.Status != 101 {
			t.Errorf("%q: %v", lines, got)
		}
		conn.Close()
		gatewaytest.RequireIdentity(t, gw.Upstream.Only(t), gatewaytest.Alice)
	}
}

const cookieAuth = "wechat_auth {\n cookie\n public /public/*\n}"

// A page of another origin opens a WebSocket in the user's browser, which sends
// the session cookie along. Only the site's own pages may do that; a client
// that is no browser sends no Origin, and a bearer token is nothing ambient.
func TestWebSocketOrigin(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: cookieAuth})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	cookie, auth := "Cookie: "+gatewaytest.CookieName+"="+token+"\n", "Authorization: Bearer "+token+"\n"
	for name, test := range map[string]struct {
		target, lines string
		status        int
		loggedIn      bool
	}{
		"same origin":                    {"/ws", cookie + "Origin: http://<HTTP>\n", 101, true},
		"same origin, other case":        {"/ws", cookie + "Origin: http://LOCALHOST:<HTTPPORT>\n", 403, false},
		"no browser":                     {"/ws", cookie, 101, true},
		"foreign":                        {"/ws", cookie + "Origin: https://evil.example\n", 403, false},
		"null":                           {"/ws", cookie + "Origin: null\n", 403, false},
		"suffix":                         {"/ws", cookie + "Origin: http://<HTTP>.evil.example\n", 403, false},
		"other port":                     {"/ws", cookie + "Origin: http://localhost:1\n", 403, false},
		"user info":                      {"/ws", cookie + "Origin: http://<HTTP>@evil.example\n", 403, false},
		"two origins":                    {"/ws", cookie + "Origin: http://<HTTP>\nOrigin: https://evil.example\n", 403, false},
		"cross-site":                     {"/ws", cookie + "Sec-Fetch-Site: cross-site\n", 403, false},
		"same site":                      {"/ws", cookie + "Sec-Fetch-Site: same-site\nOrigin: http://<HTTP>\n", 403, false},
		"foreign, cookie and bearer":     {"/ws", cookie + auth + "Origin: https://evil.example\n", 101, true},
		"foreign, bearer":                {"/ws", auth + "Origin: https://evil.example\n", 101, true},
		"foreign, no credential":         {"/ws", "Origin: https://evil.example\n", 401, false},
		"foreign, public":                {"/public/ws", cookie + "Origin: https://evil.example\n", 403, false},
		"foreign, public, no credential": {"/public/ws", "Origin: https://evil.example\n", 101, false},
	} {
		t.Run(name, func(t *testing.T) {
			conn := gatewaytest.DialRaw(t, gw.HTTP)
			defer conn.Close()
			conn.Send(t, gatewaytest.CRLF(gw.Fill("GET "+test.target+" HTTP/1.1\nHost: <HTTP>\n"+handshake+test.lines+"\n")))
			gatewaytest.RequireStatus(t, conn.ReadReply(t, "GET"), test.status)
			if test.status != 101 {
				gatewaytest.RequireNoUpstream(t, gw)
				return
			}
			seen := gw.Upstream.Only(t)
			requireBelongs(t, seen, test.loggedIn)
			gatewaytest.RequireNoToken(t, seen, token)
		})
	}
}

// openTunnel opens a WebSocket through extended CONNECT.
func openTunnel(t *testing.T, c *gatewaytest.Client, target, protocol string, list ...gatewaytest.Field) (s gatewaytest.Stream, status int, err error) {
	t.Helper()
	s = c.OpenStream(t)
	head := gatewaytest.Fields(":method", "CONNECT", ":scheme", "https", ":authority", c.Addr, ":path", target)
	if protocol != "" {
		head = append(head, gatewaytest.Field{Name: ":protocol", Value: protocol})
	}
	if err := s.Headers(append(append(head, gatewaytest.Field{Name: "Sec-WebSocket-Version", Value: "13"}), list...), false); err != nil {
		return s, 0, err
	}
	answer, _, _, err := s.Next()
	for _, f := range answer {
		if f.Name == ":status" {
			status, _ = strconv.Atoi(f.Value)
		}
	}
	return s, status, err
}

// testExtendedConnect is what holds for WebSockets over a version of HTTP that
// opens them with CONNECT.
func testExtendedConnect(t *testing.T, gw *gatewaytest.Gateway, c *gatewaytest.Client) {
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	own, foreign := gatewaytest.Field{Name: "Origin", Value: c.Base}, gatewaytest.Field{Name: "Origin", Value: "https://evil.example"}
	cookie := gatewaytest.Field{Name: "Cookie", Value: gatewaytest.CookieName + "=" + token}
	for name, test := range map[string]struct {
		target, protocol string
		list             []gatewaytest.Field
		open, loggedIn   bool
	}{
		"with a token":        {"/ws", "websocket", []gatewaytest.Field{gatewaytest.Bearer(token), {Name: "X-WeChat-UnionID", Value: gatewaytest.Eve}}, true, true},
		"without":             {"/ws", "websocket", nil, false, false},
		"public":              {"/public/ws", "websocket", gatewaytest.Fields("X-WeChat-OpenID", gatewaytest.Eve), true, false},
		"cookie, own page":    {"/ws", "websocket", []gatewaytest.Field{cookie, own}, true, true},
		"cookie, foreign":     {"/ws", "websocket", []gatewaytest.Field{cookie, foreign}, false, false},
		"another protocol":    {"/ws", "h2c", []gatewaytest.Field{gatewaytest.Bearer(token)}, false, false},
		"capitals":            {"/ws", "WebSocket", []gatewaytest.Field{gatewaytest.Bearer(token)}, false, false},
		"connect-udp":         {"/public/ws", "connect-udp", nil, false, false},
		"upgrade in disguise": {"/ws", "", []gatewaytest.Field{gatewaytest.Bearer(token), {Name: "Upgrade", Value: "websocket"}}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			gw.Upstream.Reset()
			s, status, err := openTunnel(t, c, test.target, test.protocol, test.list...)
			if !test.open {
				// refused by the gate or by the server, and not by the proxy behind it
				if err == nil && (status < 400 || status >= 500) {
					t.Errorf("status %d", status)
				}
				gatewaytest.RequireNoUpstream(t, gw)
				return
			}
			if err != nil || status != 200 {
				t.Fatalf("status %d, %v", status, err)
			}
			if err := s.Data("\x81\x82\x00\x00\x00\x00hi", false); err != nil { // the text "hi", masked with zeros
				t.Fatal(err)
			}
			if _, text, _, err := s.Next(); err != nil || text != "\x81\x02hi" {
				t.Errorf("%q %v came back", text, err)
			}
			seen := gw.Upstream.Only(t)
			requireBelongs(t, seen, test.loggedIn)
			gatewaytest.RequireNoToken(t, seen, token)
			if seen.Method != "GET" || seen.Get("Upgrade") != "websocket" {
				t.Errorf("not a handshake:\n%s", seen.Raw)
			}
		})
	}
}

func TestWebSocketOverHTTP3(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: cookieAuth})
	testExtendedConnect(t, gw, gw.H3)
}

// Go's server takes extended CONNECT over HTTP/2 only when the environment says
// so before the process begins: the test runs itself in another process.
func TestWebSocketOverHTTP2(t *testing.T) {
	const setting = "http2xconnect=1"
	if strings.Contains(os.Getenv("GODEBUG"), setting) {
		gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: cookieAuth})
		t.Run("HTTP/2", func(t *testing.T) { testExtendedConnect(t, gw, gw.H2) })
		t.Run("h2c", func(t *testing.T) { testExtendedConnect(t, gw, gw.H2C) })
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self, "-test.run=^TestWebSocketOverHTTP2$", "-test.v", "-test.timeout=2m")
	child.Env = append(os.Environ(), "GODEBUG="+setting)
	out, err := child.CombinedOutput()
	if err != nil || strings.Count(string(out), "--- PASS") < 20 {
		t.Errorf("%v\n%s", err, out)
	}
	gatewaytest.CountTest(t)

	// without that setting it is refused, with a token and without
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	for _, c := range []*gatewaytest.Client{gw.H2, gw.H2C} {
		if _, status, err := openTunnel(t, c, "/ws", "websocket", gatewaytest.Bearer(token)); err == nil && status == http.StatusOK {
			t.Errorf("%s: a tunnel was opened", c.Name)
		}
		gatewaytest.RequireNoUpstream(t, gw)
	}
}

// A WebSocket outlives the request that opened it; it must not outlive the
// session. Logout ends it.
func TestWebSocketEndsWithSession(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	for _, target := range []string{"/ws", "/public/ws"} {
		token := gatewaytest.Login(t, gw, gatewaytest.Alice)
		conn := gatewaytest.DialRaw(t, gw.HTTP)
		conn.Send(t, gatewaytest.CRLF(gw.Fill("GET "+target+" HTTP/1.1\nHost: <HTTP>\n"+handshake+"Authorization: Bearer "+token+"\n\n")))
		gatewaytest.RequireStatus(t, conn.ReadReply(t, "GET"), 101)
		s, status, err := openTunnel(t, gw.H3, target, "websocket", gatewaytest.Bearer(token))
		if err != nil || status != 200 {
			t.Fatal(status, err)
		}
		gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token}), 204)
		// the sockets have a deadline: reading on for ever is an error
		if _, err := io.Copy(io.Discard, conn.Reader); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: the socket lives on: %v", target, err)
		}
		for {
			_, _, end, err := s.Next()
			if err != nil && strings.Contains(err.Error(), "deadline") {
				t.Errorf("%s over HTTP/3: the socket lives on: %v", target, err)
			}
			if end || err != nil {
				break
			}
		}
	}
}
