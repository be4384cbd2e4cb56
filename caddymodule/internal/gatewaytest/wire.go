// wire.go: a server that is played byte by byte: it sees when a request
// begins, and hangs up where a test says.

package gatewaytest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Wire is such a server.
type Wire struct {
	t     *testing.T
	Addr  string // host:port, the same after a restart
	serve func(x *WireCall) bool

	// an answer is written under the read lock, and a restart takes the other: so one
	// that was written went out whole
	writing sync.RWMutex
	mu      sync.Mutex
	ln      net.Listener
	conns   map[net.Conn]bool
	wg      sync.WaitGroup
}

// WireCall is one request on a connection, before a byte of it was taken.
type WireCall struct {
	wire *Wire
	conn net.Conn
	In   *bufio.Reader
}

// NewWire starts a server. serve plays one request, and says whether the connection
// goes on.
func NewWire(t *testing.T, serve func(x *WireCall) bool) *Wire {
	t.Helper()
	w := &Wire{t: t, Addr: strings.Replace(FreeAddr(t), "localhost", "127.0.0.1", 1), serve: serve}
	w.Start()
	t.Cleanup(w.Stop)
	return w
}

func (w *Wire) Start() {
	ln, err := net.Listen("tcp", w.Addr)
	if err != nil {
		w.t.Error(err)
		return
	}
	w.mu.Lock()
	w.ln, w.conns = ln, make(map[net.Conn]bool)
	w.mu.Unlock()
	w.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			w.mu.Lock()
			if w.conns == nil { // it is stopping
				w.mu.Unlock()
				conn.Close()
				return
			}
			w.conns[conn] = true
			w.mu.Unlock()
			w.wg.Go(func() { w.talk(conn) })
		}
	})
}

func (w *Wire) talk(conn net.Conn) {
	defer func() {
		conn.Close()
		w.mu.Lock()
		delete(w.conns, conn)
		w.mu.Unlock()
	}()
	x := &WireCall{wire: w, conn: conn, In: bufio.NewReaderSize(conn, 64<<10)}
	for {
		if _, err := x.In.Peek(1); err != nil || !w.serve(x) {
			return
		}
	}
}

// Stop ends it as a crash would: an answer goes out whole or not at all.
func (w *Wire) Stop() {
	w.writing.Lock()
	w.mu.Lock()
	w.ln.Close()
	for conn := range w.conns {
		conn.Close()
	}
	w.conns = nil
	w.mu.Unlock()
	w.writing.Unlock()
	w.wg.Wait()
}

// Seen is what has arrived, without taking it.
func (x *WireCall) Seen() []byte {
	b, _ := x.In.Peek(x.In.Buffered())
	return b
}

// Drop takes n bytes of the request, or all that come, and no more.
func (x *WireCall) Drop(n int) { _, _ = io.CopyN(io.Discard, x.In, int64(n)) }

// Head takes the head of the request.
func (x *WireCall) Head() (*http.Request, error) { return http.ReadRequest(x.In) }

// Answer writes a response, or as much of one, and reports whether it went out.
func (x *WireCall) Answer(text string) bool {
	x.wire.writing.RLock()
	defer x.wire.writing.RUnlock()
	_, err := io.WriteString(x.conn, text)
	return err == nil
}

// Response is a whole one, with its length.
func Response(status int, contentType, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", status, http.StatusText(status), contentType, len(body), body)
}

// ParamOf finds a parameter of the request line in raw bytes, as far as they go.
func ParamOf(raw []byte, name string) string {
	line, _, _ := bytes.Cut(raw, []byte("\r\n"))
	_, rest, ok := strings.Cut(string(line), name+"=")
	if !ok {
		return ""
	}
	end := strings.IndexAny(rest, "& ")
	if end < 0 {
		return "" // cut off within
	}
	return rest[:end]
}

// ServeHTTP serves on a free address until the test ends.
func ServeHTTP(t *testing.T, h http.Handler) (addr string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// AskRaw is a call on a connection of its own, which nothing repeats.
func AskRaw(addr, request string) (status int, body string, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, "", ErrNotSent
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(40 * time.Second))
	_, _ = io.WriteString(conn, request) // what cannot be sent may have been answered
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// ErrNotSent means that nobody listened.
var ErrNotSent = errors.New("nobody listens")
