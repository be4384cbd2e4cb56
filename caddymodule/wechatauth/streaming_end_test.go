// streaming_end_test.go: an event stream and a gRPC call end with their session.

package wechatauth_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// A user is logged out and listens on. Event streams and gRPC calls end within a second
// of the session, over every version of HTTP, and by way of an error route, too; a plain
// download goes on, and so does the stream of somebody else.
func TestStreamEndsWithSession(t *testing.T) {
	for name, site := range map[string]string{
		"":               "wechat_auth\nreverse_proxy <UPSTREAM>",
		"by error route": "wechat_auth\nreverse_proxy 127.0.0.1:1\nhandle_errors {\n reverse_proxy <UPSTREAM>\n}",
	} {
		for kind, x := range map[string]gatewaytest.Call{
			"event stream": {Header: gatewaytest.Header("Accept", "text/event-stream")},
			"gRPC":         {Method: "POST", Body: "x", Header: gatewaytest.Header("Content-Type", "application/grpc+proto")},
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				gw := gatewaytest.Start(t, gatewaytest.Setup{Site: site, Wechat: gatewaytest.InMemory})
				gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
					listen := func(x gatewaytest.Call, token string) (*http.Response, chan time.Time) {
						ctx, cancel := context.WithCancel(t.Context())
						t.Cleanup(cancel)
						x.Target, x.Token = "/stream", token
						response, err := c.Open(ctx, x)
						if err != nil {
							t.Fatal(err)
						}
						ended := make(chan time.Time, 1)
						go func() {
							io.Copy(io.Discard, response.Body)
							response.Body.Close()
							ended <- time.Now()
						}()
						return response, ended
					}
					token := gatewaytest.Login(t, gw, gatewaytest.Alice)
					_, ends := listen(x, token)
					_, others := listen(x, gatewaytest.Login(t, gw, gatewaytest.Eve))
					_, plain := listen(gatewaytest.Call{}, token)
					time.Sleep(300 * time.Millisecond)
					select {
					case <-ends:
						t.Fatal("the stream ended before its session")
					default:
					}
					since := time.Now()
					gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token}), 204)
					select {
					case at := <-ends:
						if took := at.Sub(since); took > closedWithin {
							t.Errorf("it ended after %s; want a second at most", took)
						}
					case <-time.After(10 * time.Second):
						t.Error("it goes on")
					}
					select {
					case <-others:
						t.Error("another user's stream ended")
					case <-plain:
						t.Error("a download ended")
					case <-time.After(300 * time.Millisecond):
					}
					gw.Upstream.EndStream() // of the two
					gw.Upstream.EndStream()
				})
			})
		}
	}
}
