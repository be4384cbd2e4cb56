// helper_test.go: the fakes of WeChat that the tests share.

package weixin

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	goodAnswer = `{"openid":"oGZUI0egBJY1zhBYw2KhdUfwVJJE","session_key":"tiihtNczf5v6AKRyjwEUhQ==","unionid":"ocMvos6NjeKLIBqg5Mr9QjxrP1FA"}`
	testSecret = "0123456789abcdefSECRETfedcba9876"
	testCode   = "0a1B2c3D4e5F6g7H-_code"
	testKey    = "o0q0otL8aEzpcZL/FT9WsQ=="
)

var testApp = App{ID: "wx4f4bc4dec97d474b", Secret: NewSecret(testSecret)}

func TestMain(m *testing.M) {
	// net/http reports bytes beyond a Content-Length to the standard logger.
	log.SetOutput(io.Discard)
	goleak.VerifyTestMain(m)
}

func newClient(t testing.TB, baseURL string, options ...func(*Options)) *Client {
	t.Helper()
	o := Options{BaseURL: baseURL}
	for _, set := range options {
		set(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// serve starts a fake WeChat and a client of it.
func serve(t testing.TB, h http.HandlerFunc, options ...func(*Options)) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return newClient(t, server.URL, options...)
}

func say(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

// exchange is the whole of a login's two steps.
func exchange(ctx context.Context, c *Client, code string) (SessionAnswer, error) {
	slot, err := c.Acquire(ctx, CallCode2Session, "", nil)
	if err != nil {
		return SessionAnswer{}, err
	}
	defer slot.Release()
	return slot.Code2Session(ctx, testApp, code)
}

func wantKind(t testing.TB, err error, want Kind) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error = %v, want a *Error of kind %q", err, want)
	}
	if e.Kind != want {
		t.Fatalf("kind = %q (%v), want %q", e.Kind, err, want)
	}
	return e
}

// rawServer answers with bytes of the test's choice and keeps what it was sent.
type rawServer struct {
	net.Listener
	mu       sync.Mutex
	requests []string
	wg       sync.WaitGroup
}

// startRaw serves each connection with talk, which is told the connection and the
// number of the request on it, from 0, and says whether to go on.
func startRaw(t testing.TB, talk func(conn net.Conn, n int) bool) *rawServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return startRawOn(t, l, talk)
}

func startRawOn(t testing.TB, l net.Listener, talk func(conn net.Conn, n int) bool) *rawServer {
	s := &rawServer{Listener: l}
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[conn] = true
			mu.Unlock()
			s.wg.Go(func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for n := 0; ; n++ {
					head, err := readHead(r)
					if err != nil {
						return
					}
					s.mu.Lock()
					s.requests = append(s.requests, head)
					s.mu.Unlock()
					if !talk(conn, n) {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		s.wg.Wait()
	})
	return s
}

func readHead(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", err
		}
		b.WriteString(line)
		if line == "\r\n" {
			// Whatever came in the same packet and is not a header: a body.
			extra, _ := r.Peek(r.Buffered())
			b.Write(extra)
			_, _ = r.Discard(len(extra))
			return b.String(), nil
		}
	}
}

func (s *rawServer) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

func (s *rawServer) url() string { return "http://" + s.Addr().String() }

// taken is how many places are in use.
func (g *gate) taken() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.busy
}

func deadline(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func httpOK(body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// testCertificate borrows httptest's, which is for example.com and 127.0.0.1.
func testCertificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.TLS.Certificates[0], roots
}
