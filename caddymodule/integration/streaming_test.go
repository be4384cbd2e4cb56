// streaming_test.go: bodies pass through the gate as they come.

package integration

import (
	"context"
	"crypto/sha256"
	"io"
	"strings"
	"testing"
	"time"
)

// Each event of a stream reaches the client before the next one is made.
func TestStreamedResponse(t *testing.T) {
	gw := start(t, setup{Auth: publicAuth})
	token := login(t, gw, alice)
	gw.each(t, func(t *testing.T, c *client) {
		for _, token := range []string{token, ""} {
			x := call{Target: "/stream", Token: token}
			if token == "" {
				x.Target = "/public/../stream" // protected: refused before anything is streamed
				requireRefused(t, c.do(t, x))
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			response, err := c.open(ctx, x)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			for _, event := range []string{"data: 1\n\n", "data: 2\n\n", "data: 3\n\n"} {
				gw.up.Say(event)
				got := make([]byte, len(event))
				if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != event {
					t.Fatalf("%q %v; want %q", got, err, event)
				}
			}
			gw.up.EndStream()
			if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
				t.Errorf("%q %v at the end", rest, err)
			}
			requireIdentity(t, gw.up.only(t), alice)
		}
	})
}

// The first part of an upload reaches the backend before the client has sent
// the second.
func TestStreamedRequest(t *testing.T) {
	gw := start(t, setup{})
	token := login(t, gw, alice)
	gw.each(t, func(t *testing.T, c *client) {
		r, w := io.Pipe()
		done := make(chan error, 1)
		go func() {
			got, err := c.try(call{Method: "POST", Target: "/up", Token: token, Stream: r})
			if err == nil && got.Body != "POST /up 10\n" {
				t.Errorf("answered %v", got)
			}
			done <- err
		}()
		for i, part := range []string{"first", "later"} {
			if _, err := io.WriteString(w, part); err != nil {
				t.Fatal(err)
			}
			await(t, "part of the upload", func() bool {
				seen := gw.up.Requests()
				return len(seen) == 1 && len(seen[0].Body) == 5*(i+1) && !seen[0].Done
			})
		}
		w.Close()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		requireIdentity(t, gw.up.only(t), alice)
	})
}

// Megabytes arrive as they were sent, with a length and without.
func TestBigUpload(t *testing.T) {
	gw := start(t, setup{})
	token := login(t, gw, alice)
	body := strings.Repeat("0123456789abcdef", 4<<20/16)
	want := sha256.Sum256([]byte(body))
	gw.each(t, func(t *testing.T, c *client) {
		for _, x := range []call{
			{Method: "PUT", Target: "/up", Token: token, Body: body},
			{Method: "PUT", Target: "/up", Token: token, Stream: io.MultiReader(strings.NewReader(body))},
		} {
			requireStatus(t, c.do(t, x), 200)
			seen := gw.up.only(t)
			if got := sha256.Sum256([]byte(seen.Body)); got != want {
				t.Errorf("%d bytes arrived; want %d", len(seen.Body), len(body))
			}
			seen.Raw, _, _ = strings.Cut(seen.Raw, "\r\n\r\n") // the verdict is about the head
			requireIdentity(t, seen, alice)
		}
	})
}

// A client without a session is told so before it has sent all of its upload,
// and the backend is not bothered. Go's HTTP/1.1 server reads 256 KiB of a body
// that nobody wants, and answers then; with the others the answer comes first.
func TestRefusedUpload(t *testing.T) {
	gw := start(t, setup{})
	conn := dialRaw(t, gw.HTTP)
	conn.send(t, crlf(gw.fill("POST /up HTTP/1.1\nHost: <HTTP>\nContent-Length: 20000000\n\n"))+strings.Repeat("x", 300<<10))
	requireRefused(t, conn.read(t, "POST"))
	if rest, err := io.ReadAll(conn.r); len(rest) > 0 {
		t.Errorf("behind the refusal came %q %v", rest, err)
	}
	for _, c := range []*client{gw.h2, gw.h2c, gw.h3} {
		s := c.openStream(t)
		s.headers(fields(":method", "POST", ":scheme", "https", ":authority", c.Addr, ":path", "/up"), false)
		s.data("the beginning", false)
		if head, _, _, err := s.next(); err != nil || len(head) == 0 || head[0].Value != "401" {
			t.Errorf("%s: %v %v; want 401 at once", c.Name, head, err)
		}
	}
	requireNoUpstream(t, gw)
}

// A client that waits for 100 Continue gets it when it may send, and the refusal
// instead when it may not.
func TestExpectContinue(t *testing.T) {
	gw := start(t, setup{})
	token := login(t, gw, alice)
	head := "POST /up HTTP/1.1\nHost: <HTTP>\nExpect: 100-continue\nContent-Length: 5\n"

	conn := dialRaw(t, gw.HTTP)
	conn.send(t, crlf(gw.fill(head+"Authorization: Bearer "+token+"\n\n")))
	if line, err := conn.r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("%q %v; want 100", line, err)
	}
	if line, err := conn.r.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatalf("%q %v behind 100", line, err)
	}
	conn.send(t, "hello")
	requireStatus(t, conn.read(t, "POST"), 200)
	seen := gw.up.only(t)
	requireIdentity(t, seen, alice)
	if seen.Body != "hello" {
		t.Errorf("body %q", seen.Body)
	}

	// Caddy answers a request whose body nobody read once the body is there; the
	// client that got no 100 sends it in the end
	requireRefused(t, rawHTTP(t, gw.HTTP, gw.fill(head+"\nhello")))
	requireNoUpstream(t, gw)
}
