// smuggling_test.go: requests whose end is in dispute (H24).

package wechatauth_test

import (
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

const smuggledRequest = "GET /admin HTTP/1.1\nHost: <HTTP>\nX-WeChat-OpenID: " + gatewaytest.Eve + "\n\n"

// Two readers of one connection disagree where a request ends, and what is a
// body to the gateway is a request, with an identity, to the backend.
func TestSmuggling(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	for name, framing := range gatewaytest.Framings {
		t.Run(name, func(t *testing.T) {
			for _, line := range []string{
				"POST /public/x HTTP/1.1\nHost: <HTTP>\n", "GET /public/x HTTP/1.1\nHost: <HTTP>\n",
				"POST /api HTTP/1.1\nHost: <HTTP>\nAuthorization: Bearer " + token + "\n", "POST /wechat/login HTTP/1.1\nHost: <HTTP>\n",
				"POST /public/x HTTP/1.0\nHost: <HTTP>\n",
			} {
				conn := gatewaytest.DialRaw(t, gw.HTTP)
				conn.Send(t, gatewaytest.CRLF(gw.Fill(line+framing+smuggledRequest)))
				if tcp, ok := conn.Conn.(interface{ CloseWrite() error }); ok {
					tcp.CloseWrite()
				}
				answers, _ := io.ReadAll(conn)
				conn.Close()
				if len(answers) == 0 {
					t.Errorf("%s: no answer", line)
				}
				// a request may reach the upstream after its client was told off, so
				// it is judged by its target
				for _, r := range gw.Upstream.Requests() {
					head, _, complete := strings.Cut(r.Raw, "\r\n\r\n")
					if !complete {
						continue
					}
					r.Raw = head // a body may say what it likes
					requireBelongs(t, r, r.Target == "/api")
					if r.Target == "/admin" || r.Get("Content-Length") != "" && r.Get("Transfer-Encoding") != "" {
						t.Errorf("%s: the upstream saw\n%s", line, r.Raw)
					}
				}
				gw.Upstream.Reset()
			}
		})
	}
}

// A login that is refused before its body was read: the body is not the next
// request of the connection.
func TestRefusedBodyIsNoRequest(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	inner := gatewaytest.CRLF(gw.Fill("GET /public/inner HTTP/1.1\nHost: <HTTP>\n\n"))
	for name, head := range map[string]string{
		"not JSON":  "POST /wechat/login HTTP/1.1\nHost: <HTTP>\nContent-Type: text/plain\n",
		"method":    "PUT /wechat/login HTTP/1.1\nHost: <HTTP>\n",
		"unknown":   "POST /wechat/nothing HTTP/1.1\nHost: <HTTP>\n",
		"no token":  "POST /api HTTP/1.1\nHost: <HTTP>\n",
		"too large": "POST /wechat/login HTTP/1.1\nHost: <HTTP>\nContent-Type: application/json\n",
	} {
		t.Run(name, func(t *testing.T) {
			body := inner
			if name == "too large" {
				body = strings.Repeat(inner, (70<<10)/len(inner))
			}
			x := gatewaytest.DialRaw(t, gw.HTTP)
			x.Send(t, gatewaytest.CRLF(gw.Fill(head))+"Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body+gatewaytest.CRLF(gw.Fill("GET /public/next HTTP/1.1\nHost: <HTTP>\nConnection: close\n\n")))
			io.ReadAll(x)
			for _, seen := range gw.Upstream.Requests() {
				if seen.Target != "/public/next" {
					t.Errorf("the body became a request:\n%s", seen.Raw)
				}
			}
			gw.Upstream.Reset()
		})
	}
}
