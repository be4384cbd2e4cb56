// websocket_end_test.go: an open WebSocket ends with its session, and only then
// (C20, H7 of the threat list).

package wechatauth_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// closedWithin is the second that the contract allows, and one for a machine
// that is busy with other tests; it takes some 200 ms.
const closedWithin = 2 * time.Second

// socket is an open WebSocket through the gateway.
type socket struct {
	*websocket.Conn
	ended chan time.Time // when it was closed by the other side
	echo  chan string
}

// open opens a WebSocket with a token.
func open(t *testing.T, gw *gatewaytest.Gateway, token string) *socket {
	t.Helper()
	conn, response, err := websocket.Dial(t.Context(), "ws://"+gw.HTTP+"/ws", &websocket.DialOptions{HTTPHeader: gatewaytest.Header("Authorization", "Bearer "+token)})
	if err != nil {
		t.Fatalf("opening a WebSocket: %v %v", response, err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	s := &socket{conn, make(chan time.Time, 1), make(chan string, 1)}
	go func() {
		for {
			_, text, err := conn.Read(context.Background())
			if err != nil {
				s.ended <- time.Now()
				return
			}
			s.echo <- string(text)
		}
	}()
	s.requireOpen(t)
	return s
}

// requireOpen fails unless a word comes back.
func (s *socket) requireOpen(t *testing.T) {
	t.Helper()
	if err := s.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatalf("a WebSocket that should be open: %v", err)
	}
	select {
	case <-s.echo:
	case <-s.ended:
		t.Fatal("a WebSocket was closed that should be open")
	case <-time.After(10 * time.Second):
		t.Fatal("nothing comes back through a WebSocket")
	}
}

// requireEnded fails unless it ends within a second of a moment.
func (s *socket) requireEnded(t *testing.T, since time.Time) {
	t.Helper()
	select {
	case at := <-s.ended:
		if took := at.Sub(since); took > closedWithin {
			t.Errorf("the WebSocket was closed after %s; want a second at most", took)
		}
	case <-time.After(10 * time.Second):
		t.Error("the WebSocket is still open")
	}
}

// A user is thrown out and talks on, for as long as he keeps the socket open. All
// the ways in which a session ends close it; what happens to other sessions of
// the user, to other users, and to the session while it lives, does not.
func TestSocketEndsWithSession(t *testing.T) {
	for name, test := range map[string]struct {
		wechat string
		end    func(t *testing.T, gw *gatewaytest.Gateway, token string)
	}{
		"logout": {"", func(t *testing.T, gw *gatewaytest.Gateway, token string) {
			gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token}), 204)
		}},
		"new login": {"", func(t *testing.T, gw *gatewaytest.Gateway, token string) {
			x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
			x.Token = token
			gatewaytest.RequireStatus(t, gw.H1.Do(t, x), 200)
		}},
		"revoked": {"", func(t *testing.T, gw *gatewaytest.Gateway, token string) {
			gatewaytest.RequireStatus(t, gw.Ask(t, "DELETE", "/wechat/sessions/"+gatewaytest.SessionID(t, token)), 204)
		}},
		"pushed out": {"sessions_per_user 2\n", func(t *testing.T, gw *gatewaytest.Gateway, _ string) { gatewaytest.Login(t, gw, gatewaytest.Alice) }},
	} {
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory + test.wechat, Admin: true, Sim: gatewaytest.FreshKeys()})
			token := gatewaytest.Login(t, gw, gatewaytest.Alice)
			ends, second, stays := open(t, gw, token), open(t, gw, gatewaytest.Login(t, gw, gatewaytest.Alice)), open(t, gw, gatewaytest.Login(t, gw, gatewaytest.Eve))

			// the session changes, and lives
			gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, gatewaytest.Sealed(t, gw, gatewaytest.Alice, gatewaytest.Marked("x", time.Now())))), 200)
			gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, gatewaytest.UserInfoOf(t, gw, gatewaytest.Alice))), 200)
			time.Sleep(700 * time.Millisecond) // longer than it takes to close one
			ends.requireOpen(t)

			since := time.Now()
			test.end(t, gw, token)
			ends.requireEnded(t, since)
			second.requireOpen(t)
			stays.requireOpen(t)
		})
	}
	t.Run("user logged out everywhere", func(t *testing.T) {
		gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
		one, two, stays := open(t, gw, gatewaytest.Login(t, gw, gatewaytest.Alice)), open(t, gw, gatewaytest.Login(t, gw, gatewaytest.Alice)), open(t, gw, gatewaytest.Login(t, gw, gatewaytest.Eve))
		since := time.Now()
		got := gw.Ask(t, "DELETE", "/wechat/users/"+gatewaytest.AppA+"/"+gatewaytest.Alice)
		if strings.TrimSpace(got.Body) != `{"ended":2}` {
			t.Errorf("%d %s", got.Status, got.Body)
		}
		one.requireEnded(t, since)
		two.requireEnded(t, since)
		stays.requireOpen(t)
	})
	t.Run("age", func(t *testing.T) {
		gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory + "session_lifetime 2s\n"})
		expires := time.Now().Add(2 * time.Second)
		token := gatewaytest.Login(t, gw, gatewaytest.Alice)
		open(t, gw, token).requireEnded(t, expires)
		if time.Now().Before(expires) {
			t.Error("it was closed before its time")
		}
		gatewaytest.RequireAlive(t, gw, token, false)
	})
}

// The same in HTTP/2, where a WebSocket is a stream of a connection that others
// use, too (RFC 8441). Go's server offers it when the environment said so before
// the process began: the test runs itself in another process.
func TestSocketEndsInHTTP2(t *testing.T) {
	const setting = "http2xconnect=1"
	if !strings.Contains(os.Getenv("GODEBUG"), setting) {
		gatewaytest.CountTest(t)
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		child := exec.CommandContext(t.Context(), self, "-test.run=^TestSocketEndsInHTTP2$", "-test.v", "-test.timeout=2m")
		child.Env = append(os.Environ(), "GODEBUG="+setting)
		if out, err := child.CombinedOutput(); err != nil || strings.Count(string(out), "--- PASS") != 3 {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	for _, c := range []*gatewaytest.Client{gw.H2, gw.H2C} {
		t.Run(c.Name, func(t *testing.T) {
			token := gatewaytest.Login(t, gw, gatewaytest.Alice)
			s := c.OpenStream(t).(*gatewaytest.H2Stream)
			err := s.Headers(gatewaytest.Fields(":method", "CONNECT", ":protocol", "websocket", ":scheme", strings.Split(c.Base, ":")[0], ":authority", c.Addr,
				":path", "/ws", "sec-websocket-version", "13", "authorization", "Bearer "+token), false)
			if err != nil {
				t.Fatal(err)
			}
			head, _, end, err := s.Next()
			if err != nil || end || head[0].Value != "200" {
				t.Fatalf("opening a WebSocket: %v %v", head, err)
			}
			since := time.Now()
			gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token}), 204)
			for err == nil && !end {
				_, _, end, err = s.Next()
			}
			if took := time.Since(since); took > closedWithin {
				t.Errorf("the WebSocket was closed after %s; want a second at most", took)
			}
		})
	}
}

// With stream_close_delay, WebSockets outlive the configuration that opened them.
// A logout under the next one ends them all the same.
func TestSocketEndsAfterReload(t *testing.T) {
	s := gatewaytest.Setup{Wechat: gatewaytest.InMemory, Site: "wechat_auth\nreverse_proxy <UPSTREAM> {\n stream_close_delay 1m\n}"}
	gw := gatewaytest.Start(t, s)
	token, eves := gatewaytest.Login(t, gw, gatewaytest.Alice), gatewaytest.Login(t, gw, gatewaytest.Eve)
	ends, stays := open(t, gw, token), open(t, gw, eves)
	for _, timeout := range []string{"3s", "4s"} {
		s.Wechat = gatewaytest.InMemory + "api_timeout " + timeout + "\n"
		gatewaytest.Reload(t, gw, s)
	}
	ends.requireOpen(t)
	since := time.Now()
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token}), 204)
	ends.requireEnded(t, since)
	stays.requireOpen(t)
}

// Whoever has a stolen key signs a token for any session that they have seen: revoking
// the key must end the socket, though the session lives on.
func TestWebSocketEndsWithItsKey(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	kept := open(t, gw, token)
	kid := gatewaytest.KeyID(t, token)
	gw.Wechat(t, "keys", "rotate").Require(t, 0, "pending")
	kept.requireOpen(t)
	since := time.Now()
	gw.Wechat(t, "keys", "revoke", "--", kid).Require(t, 0, "signing")
	kept.requireEnded(t, since)

	fresh := open(t, gw, gatewaytest.Login(t, gw, gatewaytest.Alice))
	time.Sleep(500 * time.Millisecond)
	fresh.requireOpen(t)
}
