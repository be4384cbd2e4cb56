// client.go: well-behaved clients for every HTTP version, and a socket for
// the others.

package gatewaytest

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// Client speaks one version of HTTP to the gateway's site. It follows no
// redirect, adds no header of its own but User-Agent, and unpacks nothing.
type Client struct {
	Name string // HTTP/1.1, HTTP/2, h2c or HTTP/3
	Base string // the scheme and authority of its URLs
	Addr string // where its bytes go: host:port

	transport http.RoundTripper
	tls       *tls.Config
}

// Call is one request.
type Call struct {
	Method  string      // default GET
	Target  string      // path and query, sent as written as far as net/url allows; default /
	Host    string      // default: the site's
	Header  http.Header // sent as written, in HTTP/1.1 with its case
	Token   string      // for Authorization: Bearer
	Body    string
	Stream  io.Reader   // a body of unknown length, instead of Body
	Trailer http.Header // announced and sent behind the body
}

// Reply is an answer, read to its end.
type Reply struct {
	Status int
	Proto  string
	Header http.Header
	Body   string
}

// Header makes a header of names and values, with the names as they are.
func Header(pairs ...string) http.Header {
	h := make(http.Header)
	for i := 0; i < len(pairs); i += 2 {
		h[pairs[i]] = append(h[pairs[i]], pairs[i+1])
	}
	return h
}

// Clients are those of all HTTP versions.
func (gw *Gateway) Clients() []*Client { return []*Client{gw.H1, gw.H2, gw.H2C, gw.H3} }

// Each runs a test once for each HTTP version, with an upstream that has seen
// nothing yet.
func (gw *Gateway) Each(t *testing.T, f func(t *testing.T, c *Client)) {
	t.Helper()
	for _, c := range gw.Clients() {
		t.Run(c.Name, func(t *testing.T) {
			gw.Upstream.Reset()
			f(t, c)
		})
	}
}

func (gw *Gateway) makeClients(t *testing.T) {
	protocols := func(set func(*http.Protocols)) *http.Protocols {
		p := new(http.Protocols)
		set(p)
		return p
	}
	transport := func(p *http.Protocols) *http.Transport {
		tr := &http.Transport{Protocols: p, TLSClientConfig: gw.clientTLS(), DisableCompression: true}
		t.Cleanup(tr.CloseIdleConnections)
		return tr
	}
	h3 := &http3.Transport{
		TLSClientConfig: gw.clientTLS(), DisableCompression: true,
		Dial: func(ctx context.Context, addr string, tc *tls.Config, qc *quic.Config) (*quic.Conn, error) {
			_, port, _ := net.SplitHostPort(addr)
			return quic.DialAddrEarly(ctx, "127.0.0.1:"+port, tc, qc)
		},
	}
	t.Cleanup(func() { h3.Close() })
	gw.H1 = &Client{"HTTP/1.1", "http://" + gw.HTTP, gw.HTTP, transport(protocols(func(p *http.Protocols) { p.SetHTTP1(true) })), gw.clientTLS()}
	gw.H2C = &Client{"h2c", "http://" + gw.HTTP, gw.HTTP, transport(protocols(func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) })), gw.clientTLS()}
	gw.H2 = &Client{"HTTP/2", "https://" + gw.HTTPS, gw.HTTPS, transport(protocols(func(p *http.Protocols) { p.SetHTTP2(true) })), gw.clientTLS()}
	gw.H3 = &Client{"HTTP/3", "https://" + gw.HTTPS, gw.HTTPS, h3, gw.clientTLS()}
}

// clientTLS trusts the certificate of the gateway's sites.
func (gw *Gateway) clientTLS() *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate().cert)
	return &tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS12, RootCAs: roots}
}

// awaitTLS waits until Caddy has made the certificate of the site.
func (gw *Gateway) awaitTLS(t *testing.T) {
	t.Helper()
	Await(t, "the site's certificate", func() bool {
		conn, err := tls.Dial("tcp", gw.HTTPS, gw.clientTLS())
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// Do sends a request and fails the test when it gets no answer.
func (c *Client) Do(t *testing.T, x Call) Reply {
	t.Helper()
	got, err := c.Try(x)
	if err != nil {
		t.Fatalf("%s: %s %s: %v", c.Name, x.Method, x.Target, err)
	}
	return got
}

// Try sends a request.
func (c *Client) Try(x Call) (Reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	response, err := c.Open(ctx, x)
	if err != nil {
		return Reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return Reply{response.StatusCode, response.Proto, response.Header, string(body)}, err
}

// Open sends a request and leaves the answer's body to the caller.
func (c *Client) Open(ctx context.Context, x Call) (*http.Response, error) {
	body := x.Stream
	switch {
	case body != nil:
	case x.Trailer != nil: // these need a body of unknown length
		body = io.MultiReader(strings.NewReader(x.Body))
	case x.Body != "":
		body = strings.NewReader(x.Body)
	}
	if x.Target == "" {
		x.Target = "/"
	}
	r, err := http.NewRequestWithContext(ctx, x.Method, c.Base+x.Target, body)
	if err != nil {
		return nil, err
	}
	if x.Host != "" {
		r.Host = x.Host
	}
	if x.Header != nil {
		r.Header = x.Header.Clone()
	}
	if x.Token != "" {
		r.Header["Authorization"] = append(r.Header["Authorization"], "Bearer "+x.Token)
	}
	r.Trailer = x.Trailer
	return c.transport.RoundTrip(r)
}

// RawConn is a socket to the gateway.
type RawConn struct {
	net.Conn
	Reader *bufio.Reader
}

// DialRaw opens a socket to an address, to be closed at the end of the test.
func DialRaw(t *testing.T, addr string) *RawConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &RawConn{conn, bufio.NewReader(conn)}
}

// Send writes bytes as they are.
func (c *RawConn) Send(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// ReadReply reads one answer, to a request of the method.
func (c *RawConn) ReadReply(t *testing.T, method string) Reply {
	t.Helper()
	response, err := http.ReadResponse(c.Reader, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	defer response.Body.Close()
	got := Reply{Status: response.StatusCode, Proto: response.Proto, Header: response.Header}
	if response.StatusCode != http.StatusSwitchingProtocols {
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatalf("reading the answer's body: %v", err)
		}
		got.Body = string(body)
	}
	return got
}

// RawHTTP sends bytes to an address and reads one answer. Line ends are written
// as \n and sent as \r\n.
func RawHTTP(t *testing.T, addr, text string) Reply {
	t.Helper()
	c := DialRaw(t, addr)
	c.Send(t, CRLF(text))
	method, _, _ := strings.Cut(text, " ")
	return c.ReadReply(t, method)
}

// CRLF ends the lines of a text as HTTP/1.1 does.
func CRLF(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }
