package wechatauth_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// A client that announces a body and does not send it must not hold a connection
// on a call that does not even look at the body (M8, slowloris).
func TestEveryCallBoundsItsBody(t *testing.T) {
	gatewaytest.CountTest(t)
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	leaving := gatewaytest.Login(t, gw, gatewaytest.Eve)
	calls := []struct {
		request, token string
		status         int
		conn           *gatewaytest.RawConn
	}{
		{request: "POST /wechat/logout", token: leaving, status: 204},
		{request: "POST /wechat/logout", status: 401},
		{request: "GET /wechat/session", token: token, status: 200},
		{request: "POST /wechat/userinfo", status: 401},
		{request: "POST /wechat/userinfo", token: token, status: 408},
		{request: "POST /wechat/login", status: 408},
		{request: "POST /wechat/nope", token: token, status: 404},
		{request: "PUT /wechat/login", token: token, status: 405},
		{request: "POST /wechat/jwks.json", status: 405},
	}
	for i, x := range calls {
		bearer := ""
		if x.token != "" {
			bearer = "Authorization: Bearer " + x.token + "\n"
		}
		calls[i].conn = gatewaytest.DialRaw(t, gw.HTTP)
		calls[i].conn.Send(t, gatewaytest.CRLF(x.request+" HTTP/1.1\nHost: "+gw.HTTP+"\nContent-Type: application/json\n"+bearer+"Content-Length: 100\n\n{"))
	}
	start := time.Now()
	for _, x := range calls {
		if got := x.conn.ReadReply(t, "POST"); got.Status != x.status {
			t.Errorf("%s: %d %s; want %d", x.request, got.Status, got.Body, x.status)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Fatalf("%s: the answer took %v; want some 5 s at most", x.request, took)
		}
	}
	if gatewaytest.Alive(t, gw, leaving) {
		t.Error("a logout with half a body did not end the session")
	}

	// a small body that is there costs nobody his connection, a huge one is refused
	conn := gatewaytest.DialRaw(t, gw.HTTP)
	start = time.Now()
	for _, request := range []string{"POST /wechat/nope", "GET /wechat/session", "PUT /wechat/login"} {
		conn.Send(t, gatewaytest.CRLF(request+" HTTP/1.1\nHost: "+gw.HTTP+"\nAuthorization: Bearer "+token+"\nContent-Length: 2\n\n{}"))
		if conn.ReadReply(t, "GET"); time.Since(start) > 4*time.Second {
			t.Errorf("%s: the answer took %v", request, time.Since(start))
		}
	}
	huge := []string{"POST /wechat/logout", "GET /wechat/session", "POST /wechat/nope"}
	var conns []*gatewaytest.RawConn
	for _, request := range huge {
		conn := gatewaytest.DialRaw(t, gw.HTTP)
		conns = append(conns, conn)
		conn.Send(t, gatewaytest.CRLF(fmt.Sprintf("%s HTTP/1.1\nHost: %s\nAuthorization: Bearer %s\nContent-Length: %d\n\n", request, gw.HTTP, token, 64<<10+1)))
	}
	for i, conn := range conns {
		gatewaytest.RequireProblem(t, conn.ReadReply(t, "POST"), http.StatusRequestEntityTooLarge, "invalid_request")
		if _, err := conn.Reader.ReadByte(); err != io.EOF {
			t.Errorf("%s: the connection stays open for a body that nobody reads: %v", huge[i], err)
		}
	}
	if !gatewaytest.Alive(t, gw, token) {
		t.Error("a logout that was refused ended the session")
	}
}
