// upstream.go: the backend: a listener that keeps every byte it gets, and
// understands just enough HTTP/1.1 to answer.

package gatewaytest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
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
	Done     bool    // whether no more of it is read: it ended, or broke off

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

// Arrived returns what has arrived since Reset, when each request has been read as far as
// it goes: one whose client was refused already may still be on its way.
func (u *Upstream) Arrived(t *testing.T) (all []Request) {
	t.Helper()
	Await(t, "the upstream has read what it is sent", func() bool {
		all = u.Requests()
		return !slices.ContainsFunc(all, func(r Request) bool { return !r.Done })
	})
	return all
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
			x.note(func(r *Request) { r.Done = true })
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
