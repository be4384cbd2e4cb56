// streaming_test.go: bodies pass through the gate as they come.

package wechatauth_test

import (
	"context"
	"crypto/sha256"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// Each event of a stream reaches the client before the next one is made.
func TestStreamedResponse(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: gatewaytest.PublicAuth})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, token := range []string{token, ""} {
			x := gatewaytest.Call{Target: "/stream", Token: token}
			if token == "" {
				x.Target = "/public/../stream" // protected: refused before anything is streamed
				gatewaytest.RequireRefused(t, c.Do(t, x))
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			response, err := c.Open(ctx, x)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			for _, event := range []string{"data: 1\n\n", "data: 2\n\n", "data: 3\n\n"} {
				gw.Upstream.Say(event)
				got := make([]byte, len(event))
				if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != event {
					t.Fatalf("%q %v; want %q", got, err, event)
				}
			}
			gw.Upstream.EndStream()
			if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
				t.Errorf("%q %v at the end", rest, err)
			}
			gatewaytest.RequireIdentity(t, gw.Upstream.Only(t), gatewaytest.Alice)
		}
	})
}

// The first part of an upload reaches the backend before the client has sent
// the second.
func TestStreamedRequest(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		r, w := io.Pipe()
		done := make(chan error, 1)
		go func() {
			got, err := c.Try(gatewaytest.Call{Method: "POST", Target: "/up", Token: token, Stream: r})
			if err == nil && got.Body != "POST /up 10\n" {
				t.Errorf("answered %v", got)
			}
			done <- err
		}()
		for i, part := range []string{"first", "later"} {
			if _, err := io.WriteString(w, part); err != nil {
				t.Fatal(err)
			}
			gatewaytest.Await(t, "part of the upload", func() bool {
				seen := gw.Upstream.Requests()
				return len(seen) == 1 && len(seen[0].Body) == 5*(i+1) && !seen[0].Done
			})
		}
		w.Close()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		gatewaytest.RequireIdentity(t, gw.Upstream.Only(t), gatewaytest.Alice)
	})
}

// Megabytes arrive as they were sent, with a length and without.
func TestBigUpload(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	body := strings.Repeat("0123456789abcdef", 4<<20/16)
	want := sha256.Sum256([]byte(body))
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, x := range []gatewaytest.Call{
			{Method: "PUT", Target: "/up", Token: token, Body: body},
			{Method: "PUT", Target: "/up", Token: token, Stream: io.MultiReader(strings.NewReader(body))},
		} {
			gatewaytest.RequireStatus(t, c.Do(t, x), 200)
			seen := gw.Upstream.Only(t)
			if got := sha256.Sum256([]byte(seen.Body)); got != want {
				t.Errorf("%d bytes arrived; want %d", len(seen.Body), len(body))
			}
			seen.Raw, _, _ = strings.Cut(seen.Raw, "\r\n\r\n") // the verdict is about the head
			gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
		}
	})
}

// A client without a session is told so before it has sent all of its upload,
// and the backend is not bothered. Go's HTTP/1.1 server reads 256 KiB of a body
// that nobody wants, and answers then; with the others the answer comes first.
func TestRefusedUpload(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	conn := gatewaytest.DialRaw(t, gw.HTTP)
	conn.Send(t, gatewaytest.CRLF(gw.Fill("POST /up HTTP/1.1\nHost: <HTTP>\nContent-Length: 20000000\n\n"))+strings.Repeat("x", 300<<10))
	gatewaytest.RequireRefused(t, conn.ReadReply(t, "POST"))
	if rest, err := io.ReadAll(conn.Reader); len(rest) > 0 {
		t.Errorf("behind the refusal came %q %v", rest, err)
	}
	for _, c := range []*gatewaytest.Client{gw.H2, gw.H2C, gw.H3} {
		s := c.OpenStream(t)
		s.Headers(gatewaytest.Fields(":method", "POST", ":scheme", "https", ":authority", c.Addr, ":path", "/up"), false)
		s.Data("the beginning", false)
		if head, _, _, err := s.Next(); err != nil || len(head) == 0 || head[0].Value != "401" {
			t.Errorf("%s: %v %v; want 401 at once", c.Name, head, err)
		}
	}
	gatewaytest.RequireNoUpstream(t, gw)
}

// A client that waits for 100 Continue gets it when it may send, and the refusal
// instead when it may not.
func TestExpectContinue(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	head := "POST /up HTTP/1.1\nHost: <HTTP>\nExpect: 100-continue\nContent-Length: 5\n"

	conn := gatewaytest.DialRaw(t, gw.HTTP)
	conn.Send(t, gatewaytest.CRLF(gw.Fill(head+"Authorization: Bearer "+token+"\n\n")))
	if line, err := conn.Reader.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("%q %v; want 100", line, err)
	}
	if line, err := conn.Reader.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatalf("%q %v behind 100", line, err)
	}
	conn.Send(t, "hello")
	gatewaytest.RequireStatus(t, conn.ReadReply(t, "POST"), 200)
	seen := gw.Upstream.Only(t)
	gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
	if seen.Body != "hello" {
		t.Errorf("body %q", seen.Body)
	}

	// Caddy answers a request whose body nobody read once the body is there; the
	// client that got no 100 sends it in the end
	gatewaytest.RequireRefused(t, gatewaytest.RawHTTP(t, gw.HTTP, gw.Fill(head+"\nhello")))
	gatewaytest.RequireNoUpstream(t, gw)
}
