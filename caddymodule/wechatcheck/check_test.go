// check_test.go: wechat_check on a real listener: bodies that do not come, upgrades,
// HTTP/2 in clear, servers beside it, and assertions up to the backend's verdict.

package wechatcheck_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// startCheck runs a gateway whose check is at the returned client.
func startCheck(t *testing.T, block, wechat string) (*gatewaytest.Gateway, *gatewaytest.Client) {
	t.Helper()
	port := gatewaytest.PortOf(gatewaytest.FreeAddr(t))
	gw := gatewaytest.Start(t, gatewaytest.Setup{
		Sites:  "http://:" + port + " {\n bind 127.0.0.1\n wechat_check {\n" + block + "\n}\n}",
		Wechat: gatewaytest.InMemory + wechat, Sim: gatewaytest.SimWithoutUnionID(),
	})
	c := *gw.H1
	c.Addr = "127.0.0.1:" + port
	c.Base = "http://" + c.Addr
	return gw, &c
}

// An answer comes at once, whatever is announced and not sent; and what a request asks
// of its connection changes nothing.
func TestCheckWaitsForNothing(t *testing.T) {
	gw, c := startCheck(t, "", "")
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	for name, rest := range map[string]string{
		"a body that does not come":    "Content-Length: 1000000\n\n",
		"half a body":                  "Content-Length: 10\n\n12345",
		"chunks that do not come":      "Transfer-Encoding: chunked\n\n",
		"half a chunk":                 "Transfer-Encoding: chunked\n\n10\nhalf",
		"leave to send a body":         "Expect: 100-continue\nContent-Length: 10\n\n",
		"websocket":                    "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n\n",
		"h2c":                          "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__\n\n",
		"a WebSocket with half a body": "Connection: Upgrade\nUpgrade: websocket\nContent-Length: 10\n\n12345",
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS", "PUT"} {
			for credential, want := range map[string]int{"Authorization: Bearer " + token + "\n": 200, "": 401} {
				conn := gatewaytest.DialRaw(t, c.Addr)
				conn.SetDeadline(time.Now().Add(2 * time.Second))
				conn.Send(t, gatewaytest.CRLF(method+" /x HTTP/1.1\nHost: nobody.example\n"+credential+rest))
				got := conn.ReadReply(t, method)
				conn.Close()
				if got.Status != want || want == 200 && got.Header.Get("X-WeChat-OpenID") != gatewaytest.Alice {
					t.Errorf("%s, %s: %d %v; want %d", name, method, got.Status, got.Header, want)
				}
			}
		}
	}
	// keep-alive: many checks on one connection, each its own
	conn := gatewaytest.DialRaw(t, c.Addr)
	for i := range 20 {
		credential, want := "Authorization: Bearer "+token+"\n", 200
		if i%2 == 1 {
			credential, want = "", 401
		}
		conn.Send(t, gatewaytest.CRLF("GET / HTTP/1.1\nHost: x\n"+credential+"\n"))
		if got := conn.ReadReply(t, "GET"); got.Status != want {
			t.Fatalf("request %d of a connection: %d; want %d", i, got.Status, want)
		}
	}
	// a logout is known to the next check
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token}), 204)
	gatewaytest.RequireStatus(t, c.Do(t, gatewaytest.Call{Token: token}), 401)
	// the hosts and paths of other requests are no way past it
	for _, host := range []string{"localhost", "127.0.0.1:2019", "a.example", "[::1]", "..", "x:1:2", "a b"} {
		conn := gatewaytest.DialRaw(t, c.Addr)
		conn.Send(t, gatewaytest.CRLF("GET /../wechat/jwks.json HTTP/1.1\nHost: "+host+"\n\n"))
		if got := conn.ReadReply(t, "GET"); got.Status != 401 && got.Status != 400 {
			t.Errorf("Host %q: %d", host, got.Status)
		}
		conn.Close()
	}
}

// Another server that gets requests to the check's port is an error when the
// configuration starts; the one that is running goes on.
func TestCheckIsAloneOnItsPort(t *testing.T) {
	gw, c := startCheck(t, "", "")
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	port := gatewaytest.PortOf(c.Addr)
	sites := "http://:" + port + " {\n bind 127.0.0.1\n wechat_check\n}\n"
	for name, other := range map[string]string{
		"everywhere":    "http://:" + port + " {\n bind 0.0.0.0\n respond ok\n}",
		"IPv6 loopback": "http://:" + port + " {\n bind ::1\n respond ok\n}",
		"with a host":   "http://a.example:" + port + " {\n bind 127.0.0.2\n respond ok\n}",
	} {
		err := gw.Load(gatewaytest.Setup{Sites: sites + other, Wechat: gatewaytest.InMemory})
		if err == nil || !strings.Contains(err.Error(), " must be reached by every request on its listener, and server ") {
			t.Errorf("%s: %v", name, err)
		}
		gatewaytest.RequireStatus(t, c.Do(t, gatewaytest.Call{Token: token}), 200)
	}
	if err := gw.Load(gatewaytest.Setup{Sites: sites + "http://:" + gatewaytest.PortOf(gatewaytest.FreeAddr(t)) + " {\n bind 127.0.0.1\n respond ok\n}", Wechat: gatewaytest.InMemory}); err != nil {
		t.Errorf("a server on another port: %v", err)
	}
}

// The backend's view of assertions: a signature that the published key verifies, claims
// about this session, and nothing of the kind for the gateway to take as a token.
func TestAssertions(t *testing.T) {
	port := gatewaytest.PortOf(gatewaytest.FreeAddr(t))
	gw := gatewaytest.Start(t, gatewaytest.Setup{
		Auth:   "wechat_auth {\n assertion\n headers wechat cloudrun\n}",
		Sites:  "http://:" + port + " {\n bind 127.0.0.1\n wechat_check {\n assertion orders\n}\n}",
		Wechat: gatewaytest.InMemory + "token {\n algorithm ES256\n}\n",
	})
	check := *gw.H1
	check.Addr = "127.0.0.1:" + port
	check.Base = "http://" + check.Addr
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	keys := gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/jwks.json"}).Body

	var first string
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		gatewaytest.RequireStatus(t, c.Do(t, gatewaytest.Call{Target: "/me", Token: token}), 200)
		seen := gw.Upstream.Only(t)
		got := verifyAssertion(t, seen.Get("X-WeChat-Assertion"), keys)
		if got["aud"] != "localhost" || got["sub"] != gatewaytest.Alice || got["appid"] != gatewaytest.AppA || got["sid"] != gatewaytest.SessionID(t, token) || got["unionid"] != seen.Get("X-WeChat-UnionID") {
			t.Errorf("claims %v", got)
		}
		if seen.Get("X-WX-OPENID") != gatewaytest.Alice || seen.Get("X-WX-SOURCE") != "wx_client" || seen.Get("X-WX-APPID") != gatewaytest.AppA {
			t.Errorf("the headers of Cloud Run:\n%s", seen.Raw)
		}
		if first == "" {
			first = seen.Get("X-WeChat-Assertion")
		}
		if seen.Get("X-WeChat-Assertion") != first {
			t.Error("a warm request was signed again")
		}
	})
	got := check.Do(t, gatewaytest.Call{Token: token})
	if claims := verifyAssertion(t, got.Header.Get("X-WeChat-Assertion"), keys); claims["aud"] != "orders" || claims["sub"] != gatewaytest.Alice {
		t.Errorf("the check's claims %v", claims)
	}
	for _, assertion := range []string{first, got.Header.Get("X-WeChat-Assertion")} {
		gatewaytest.RequireRefused(t, gw.H1.Do(t, gatewaytest.Call{Target: "/me", Token: assertion}))
		gatewaytest.RequireStatus(t, check.Do(t, gatewaytest.Call{Token: assertion}), 401)
	}
	gatewaytest.RequireNoUpstream(t, gw)
}

// verifyAssertion does what a backend does, and returns the claims.
func verifyAssertion(t *testing.T, text, jwks string) map[string]any {
	t.Helper()
	decode := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatalf("not base64url: %q", s)
		}
		return b
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("no assertion: %q", text)
	}
	var head struct{ Alg, Kid, Typ string }
	var set struct{ Keys []struct{ Kid, X, Y string } }
	var claims map[string]any
	for part, v := range map[string]any{string(decode(parts[0])): &head, jwks: &set, string(decode(parts[1])): &claims} {
		if err := json.Unmarshal([]byte(part), v); err != nil {
			t.Fatalf("%v: %s", err, part)
		}
	}
	if head.Alg != "ES256" || head.Typ != "wechat-assertion+jwt" {
		t.Errorf("header %+v", head)
	}
	sum, signature := sha256.Sum256([]byte(parts[0]+"."+parts[1])), decode(parts[2])
	verified := false
	for _, key := range set.Keys {
		public := &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(decode(key.X)), Y: new(big.Int).SetBytes(decode(key.Y))}
		verified = verified || key.Kid == head.Kid && len(signature) == 64 &&
			ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	}
	if !verified {
		t.Errorf("no published key verifies %s with %s", text, jwks)
	}
	if left := time.Until(time.Unix(int64(claims["exp"].(float64)), 0)); left < 30*time.Second || left > time.Minute {
		t.Errorf("%v left", left)
	}
	if claims["iss"] != "wechat-gateway" || fmt.Sprint(claims["exp"].(float64)-claims["iat"].(float64)) != "60" {
		t.Errorf("claims %v", claims)
	}
	return claims
}

// A login's client address is what the proxy says, and not what its client says.
func TestDoorLoginRate(t *testing.T) {
	for _, kind := range doorKinds {
		t.Run(kind, func(t *testing.T) {
			d := startDoor(t, kind, "store memory\nlogin_rate 3 1m\n")
			statuses := make(map[int]int)
			for i := range 6 {
				x := gatewaytest.LoginCall(d.gw, gatewaytest.AppA, gatewaytest.Alice)
				x.Header["X-Forwarded-For"] = []string{fmt.Sprint("203.0.113.", i)}
				statuses[d.c.Do(t, x).Status]++
			}
			if statuses[200] != 3 || statuses[429] != 3 {
				t.Errorf("a client's X-Forwarded-For made other clients of it: %v", statuses)
			}
		})
	}
}
