// upstream.go: the backend: a listener that keeps every byte it gets, and
// understands just enough HTTP/1.1 to answer.

package gatewaytest

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Upstream answers 200 with one line, "<method> <target> <length of body>".
// Some requests get another answer:
//
//	Upgrade: websocket  101, then every message comes back (unless Lax)
//	any Upgrade         101 when Lax is set, then it listens and says nothing
//	/stream...          the texts given to Say, one chunk each, until EndStream
//	Answer, when set    whatever that function returns, as raw bytes
type Upstream struct {
	Addr string // host:port

	ln     net.Listener
	stop   chan struct{}
	stream chan string
	wg     sync.WaitGroup

	mu       sync.Mutex
	requests []*Request
	conns    map[net.Conn]struct{}
	opened   int
	lax      bool
	answer   func(Request) string
}

// Request is one request as it arrived.
type Request struct {
	Raw      string  // every byte: head, body with its framing, trailers, and what followed a 101
	Method   string  //
	Target   string  // the path and query, as sent
	Fields   []Field // the header fields, in order and spelling as sent
	Body     string  // without chunk framing
	Trailers []Field // of a chunked body
	Tunnel   string  // what followed a 101
	Done     bool    // whether it was read to its end

	Bytes, body []byte // become Raw and Body when somebody asks
}

// Field is a header field as it came.
type Field struct{ Name, Value string }

func newUpstream(t *testing.T) *Upstream {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &Upstream{
		Addr: ln.Addr().String(), ln: ln, stop: make(chan struct{}), stream: make(chan string),
		conns: make(map[net.Conn]struct{}),
	}
	u.wg.Go(u.accept)
	t.Cleanup(func() {
		close(u.stop)
		ln.Close()
		u.mu.Lock()
		for conn := range u.conns {
			conn.Close()
		}
		u.mu.Unlock()
		u.wg.Wait()
	})
	return u
}

// Requests returns what has arrived since Reset, also what is still arriving.
func (u *Upstream) Requests() []Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := make([]Request, len(u.requests))
	for i, r := range u.requests {
		out[i] = *r
		out[i].Raw, out[i].Body = string(r.Bytes), string(r.body)
		out[i].Fields, out[i].Trailers = slices.Clone(r.Fields), slices.Clone(r.Trailers)
	}
	return out
}

// Reset forgets what has arrived.
func (u *Upstream) Reset() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.requests = nil
}

// SetLax makes the upstream agree to every Upgrade, as careless servers do.
func (u *Upstream) SetLax(lax bool) { u.mu.Lock(); u.lax = lax; u.mu.Unlock() }

// SetAnswer makes the upstream answer with raw bytes; nil ends that.
func (u *Upstream) SetAnswer(f func(Request) string) { u.mu.Lock(); u.answer = f; u.mu.Unlock() }

// Say sends a text to whoever has asked for /stream, and waits until it is taken.
func (u *Upstream) Say(text string) {
	select {
	case u.stream <- text:
	case <-u.stop:
	}
}

// EndStream ends the answer to /stream.
func (u *Upstream) EndStream() { u.Say("") }

// Only returns the one request that has arrived, and forgets it.
func (u *Upstream) Only(t *testing.T) Request {
	t.Helper()
	got := u.Requests()
	if len(got) != 1 {
		t.Fatalf("the upstream saw %d requests; want 1:\n%s", len(got), RawOf(got))
	}
	u.Reset()
	return got[0]
}

// RawOf is all that came, of all the requests.
func RawOf(requests []Request) string {
	var b strings.Builder
	for _, r := range requests {
		fmt.Fprintf(&b, "%s\n----\n", r.Raw)
	}
	return b.String()
}

func (u *Upstream) accept() {
	for {
		conn, err := u.ln.Accept()
		if err != nil {
			return
		}
		u.mu.Lock()
		u.conns[conn] = struct{}{}
		u.opened++
		u.mu.Unlock()
		u.wg.Go(func() {
			u.serve(conn)
			conn.Close()
			u.mu.Lock()
			delete(u.conns, conn)
			u.mu.Unlock()
		})
	}
}

func (u *Upstream) serve(conn net.Conn) {
	r := bufio.NewReader(conn)
	for {
		if _, err := r.Peek(1); err != nil {
			return // closed between requests
		}
		req := new(Request)
		u.mu.Lock()
		u.requests = append(u.requests, req)
		lax, answer := u.lax, u.answer
		u.mu.Unlock()
		x := &exchange{u: u, r: r, conn: conn, req: req}
		if !x.readHead() {
			return
		}
		switch upgrade := strings.ToLower(req.Get("Upgrade")); {
		case upgrade != "" && (lax || upgrade == "websocket"):
			x.tunnel(req.Get("Upgrade"), !lax)
			return
		case strings.HasPrefix(req.Target, "/stream"):
			if !x.readBody() || !x.sayAll() {
				return
			}
			continue
		}
		if !x.readBody() {
			return
		}
		text := fmt.Sprintf("%s %s %d\n", req.Method, req.Target, len(req.body))
		reply := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", len(text))
		if req.Method != "HEAD" {
			reply += text
		}
		if answer != nil {
			reply = answer(*req)
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

// Get returns the value of a field of the head.
func (r *Request) Get(name string) string {
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// exchange reads one request of one connection, noting each byte as it comes.
type exchange struct {
	u    *Upstream
	r    *bufio.Reader
	conn net.Conn
	req  *Request
}

// note changes the record; readers may look at it at any time.
func (x *exchange) note(f func(*Request)) {
	x.u.mu.Lock()
	defer x.u.mu.Unlock()
	f(x.req)
}

func (x *exchange) line() (string, bool) {
	line, err := x.r.ReadString('\n')
	x.note(func(r *Request) { r.Bytes = append(r.Bytes, line...) })
	return strings.TrimRight(line, "\r\n"), err == nil
}

// fields reads field lines up to the empty one.
func (x *exchange) fields(add func(Field)) bool {
	for {
		line, ok := x.line()
		if !ok || line == "" {
			return ok
		}
		name, value, _ := strings.Cut(line, ":")
		add(Field{name, strings.TrimSpace(value)})
	}
}

func (x *exchange) readHead() bool {
	line, ok := x.line()
	if !ok {
		return false
	}
	x.note(func(r *Request) {
		r.Method, r.Target, _ = strings.Cut(line, " ")
		r.Target, _, _ = strings.Cut(r.Target, " ")
	})
	return x.fields(func(f Field) { x.note(func(r *Request) { r.Fields = append(r.Fields, f) }) })
}

func (x *exchange) readBody() bool {
	defer x.note(func(r *Request) { r.Done = true })
	if strings.EqualFold(x.req.Get("Transfer-Encoding"), "chunked") {
		for {
			size, ok := x.line()
			n, err := strconv.ParseInt(size, 16, 64)
			if !ok || err != nil {
				return false
			}
			if n == 0 {
				return x.fields(func(f Field) { x.note(func(r *Request) { r.Trailers = append(r.Trailers, f) }) })
			}
			if !x.content(n) {
				return false
			}
			if _, ok := x.line(); !ok {
				return false
			}
		}
	}
	n, _ := strconv.ParseInt(x.req.Get("Content-Length"), 10, 64)
	return x.content(n)
}

// content reads n bytes of body.
func (x *exchange) content(n int64) bool {
	buf := make([]byte, 64<<10)
	for n > 0 {
		got, err := x.r.Read(buf[:min(n, int64(len(buf)))])
		n -= int64(got)
		x.note(func(r *Request) { r.Bytes, r.body = append(r.Bytes, buf[:got]...), append(r.body, buf[:got]...) })
		if err != nil {
			return false
		}
	}
	return true
}

// sayAll answers with a stream.
func (x *exchange) sayAll() bool {
	io.WriteString(x.conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
	for {
		select {
		case text := <-x.u.stream:
			if _, err := fmt.Fprintf(x.conn, "%x\r\n%s\r\n", len(text), text); err != nil || text == "" {
				return err == nil
			}
		case <-x.u.stop:
			return false
		}
	}
}

// tunnel agrees to an upgrade and notes whatever comes through it.
func (x *exchange) tunnel(protocol string, echo bool) {
	sum := sha1.Sum([]byte(x.req.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(x.conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		protocol, base64.StdEncoding.EncodeToString(sum[:]))
	r := io.TeeReader(x.r, writerFunc(func(p []byte) {
		x.note(func(r *Request) { r.Bytes = append(r.Bytes, p...); r.Tunnel += string(p) })
	}))
	if !echo {
		io.Copy(io.Discard, r)
	}
	for echo && echoFrame(r, x.conn) == nil {
	}
	x.note(func(r *Request) { r.Done = true })
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

// echoFrame sends a masked WebSocket frame of less than 126 bytes back
// unmasked (RFC 6455 section 5.2).
func echoFrame(r io.Reader, w io.Writer) error {
	var head [6]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := head[1] & 0x7f
	if head[1]&0x80 == 0 || n >= 126 {
		return errors.New("want a short masked frame")
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return err
	}
	for i := range payload {
		payload[i] ^= head[2+i%4]
	}
	_, err := w.Write(append([]byte{head[0], n}, payload...))
	return err
}
