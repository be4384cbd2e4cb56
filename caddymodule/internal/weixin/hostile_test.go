// hostile_test.go: bodies and headers that are slow, huge or false (M6).

package weixin

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Whatever sits at the other end, a call ends soon, takes little memory and yields no
// session. TestMain looks for goroutines left behind.
func TestHostileAnswers(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(bytes.Repeat([]byte(" "), 64<<20))
	_ = z.Close()

	// flood writes until the client hangs up or 1 GiB is gone.
	flood := func(conn net.Conn, chunk string) {
		block := []byte(strings.Repeat(chunk, 1+(64<<10)/len(chunk)))
		for sent := 0; sent < 1<<30; sent += len(block) {
			if _, err := conn.Write(block); err != nil {
				return
			}
		}
		t.Error("the client took 1 GiB")
	}
	drip := func(conn net.Conn, chunk string) {
		for {
			if _, err := io.WriteString(conn, chunk); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	for _, tt := range []struct {
		name string
		talk func(net.Conn)
		kind Kind
	}{
		{"1 byte at a time", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
			drip(c, " ")
		}, KindTimeout},
		{"headers 1 byte at a time", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX: "); drip(c, "x") }, KindTimeout},
		{"interim responses for ever", func(c net.Conn) { flood(c, "HTTP/1.1 103 Early Hints\r\n\r\n") }, KindMalformed},
		{"1 GB body", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
			flood(c, " ")
		}, KindMalformed},
		{"body without end", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n"); flood(c, " ") }, KindMalformed},
		{"chunks without end", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			flood(c, "1\r\n \r\n")
		}, KindMalformed},
		{"chunk size without end", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			flood(c, "1")
		}, KindMalformed},
		{"trailer without end", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n")
			flood(c, "X-Trailer: x\r\n")
		}, KindMalformed},
		{"one header line without end", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX: "); flood(c, "x") }, KindMalformed},
		{"header lines without end", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"); flood(c, "X-Y: z\r\n") }, KindMalformed},
		{"status line without end", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 "); flood(c, "O") }, KindMalformed},
		{"huge body of an error", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 500 Oops\r\n\r\n"); flood(c, " ") }, KindMalformed},
		{"gzip bomb", func(c net.Conn) {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", bomb.Len())
			_, _ = c.Write(bomb.Bytes())
		}, KindMalformed},
		{"Content-Length too large", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"+goodAnswer)
		}, KindUnreachable},
		{"Content-Length too small", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n"+goodAnswer)
		}, KindMalformed},
		{"two Content-Lengths", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n"+goodAnswer)
		}, KindMalformed},
		{"negative Content-Length", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n") }, KindMalformed},
		{"cut chunk", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}")
		}, KindUnreachable},
		{"not HTTP", func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.6\r\n") }, KindMalformed},
		{"closed at once", func(net.Conn) {}, KindUnreachable},
		{"reset", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, KindUnreachable},
		{"101", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"+goodAnswer)
		}, KindMalformed},
		{"204", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n") }, KindMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raw := startRaw(t, func(conn net.Conn, _ int) bool { tt.talk(conn); return false })
			c := newClient(t, raw.url())
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			patience := 10 * time.Second
			if tt.kind == KindTimeout {
				patience = 300 * time.Millisecond
			}
			start := time.Now()
			got, err := exchange(deadline(t, patience), c, testCode)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			wantKind(t, err, tt.kind)
			if got != (SessionAnswer{}) {
				t.Errorf("a session: %v", got)
			}
			if took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
				t.Errorf("allocated %d bytes", grown)
			}
		})
	}
}

// The cap is the documented one: 64 KiB are read, one byte more is not.
func TestBodyCap(t *testing.T) {
	pad := func(size int) string { return goodAnswer + strings.Repeat(" ", size-len(goodAnswer)) }
	c := serve(t, say(pad(64<<10)))
	if _, err := exchange(t.Context(), c, testCode); err != nil {
		t.Errorf("64 KiB: %v", err)
	}
	c = serve(t, say(pad(64<<10+1)))
	_, err := exchange(t.Context(), c, testCode)
	wantKind(t, err, KindMalformed)
}

// Encoded bodies were not asked for, also when they would be small and good.
func TestEncodedBody(t *testing.T) {
	for encoding, want := range map[string]Kind{"gzip": KindMalformed, "br": KindMalformed, "identity": ""} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", encoding)
			_, _ = io.WriteString(w, goodAnswer)
		})
		if _, err := exchange(t.Context(), c, testCode); KindOf(err) != want {
			t.Errorf("%s: %v, want kind %q", encoding, err, want)
		}
	}
}

// A broken connection can be told from the others with errors.Is.
func TestCauseChain(t *testing.T) {
	raw := startRaw(t, func(net.Conn, int) bool { return false })
	_, err := exchange(t.Context(), newClient(t, raw.url()), testCode)
	if wantKind(t, err, KindUnreachable); !errors.Is(err, io.EOF) {
		t.Errorf("%v is no io.EOF", err)
	}
}
