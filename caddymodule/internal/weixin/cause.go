// cause.go: what may be told of a network failure, and which kind it is.

package weixin

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// cause is a network failure reduced to words of our own and of the operating system.
// The original is not kept: net/http quotes the server's bytes in its errors, and a
// server or proxy can echo a request with its secret; a *url.Error shows the URL.
type cause struct {
	text string
	// is can be found with errors.Is: a sentinel or an errno. May be nil.
	is error
}

func (c *cause) Error() string {
	if c.is == nil {
		return c.text
	}
	return c.text + ": " + c.is.Error()
}

func (c *cause) Unwrap() error { return c.is }

// fixedTexts are net/http's unexported errors for connections that closed or never
// came about. They are constants, so there is nothing in them to hide.
var fixedTexts = map[string]string{
	"http: server closed idle connection": "the connection was closed under the request",
	"http: CloseIdleConnections called":   "the connection was closed under the request",
	"http: idle connection timeout":       "the connection was closed under the request",
	"net/http: TLS handshake timeout":     "TLS: the handshake timed out",
}

// wireError classifies a failed round trip. Before a connection is handed out nothing
// of the request has left; after that, what is no network error is a peer that does
// not speak HTTP.
func (c *Client) wireError(ctx context.Context, r request, err error, connected bool) *Error {
	where := r.method + " " + c.base.Host
	ended := ctx.Err()
	// The dialer's timer may run a moment before the context's.
	if deadline, ok := ctx.Deadline(); ended == nil && ok && !time.Now().Before(deadline) {
		ended = context.DeadlineExceeded
	}
	if ended != nil {
		return contextError(r.call, ended, where)
	}
	why, network := reduce(err)
	switch {
	case network:
	case !connected:
		why = &cause{text: "no connection; check the proxy settings and the network"}
	default:
		return &Error{Call: r.call, Kind: KindMalformed, Cause: &cause{text: where + ": the response is not valid HTTP"}}
	}
	why.text = where + ": " + why.text
	return &Error{Call: r.call, Kind: KindUnreachable, Cause: why}
}

// reduce tells a network error in safe words; network is false for anything else.
func reduce(err error) (why *cause, network bool) {
	// Not made by the transport, but a proxy function may return one.
	var wrapped *url.Error
	for errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var (
		dns    *net.DNSError
		cert   *tls.CertificateVerificationError
		record tls.RecordHeaderError
		op     *net.OpError
		errno  syscall.Errno
	)
	switch {
	case errors.As(err, &dns):
		// The name is the configured host or proxy host; Err is the resolver's word.
		return &cause{text: "looking up " + printable(dns.Name) + ": " + printable(dns.Err)}, true
	case errors.As(err, &cert):
		// Nothing secret is sent before the handshake ends, so the text is safe.
		return &cause{text: "TLS: " + printable(cert.Err.Error())}, true
	case errors.As(err, &record):
		return &cause{text: "TLS: the peer does not speak TLS"}, true
	case errors.As(err, &op):
		text := op.Op
		if op.Addr != nil {
			text += " " + op.Addr.String()
		}
		switch {
		case errors.As(op.Err, &errno):
			return &cause{text: text, is: errno}, true
		case op.Timeout():
			return &cause{text: text + ": timed out"}, true
		case op.Op == "remote error" || op.Op == "local error":
			// A TLS alert: a number with a fixed text.
			return &cause{text: "TLS: " + op.Op + ": " + printable(op.Err.Error())}, true
		}
		return &cause{text: text + ": failed"}, true
	case errors.As(err, &errno):
		return &cause{text: "network", is: errno}, true
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &cause{text: "the connection ended inside the answer", is: io.ErrUnexpectedEOF}, true
	case errors.Is(err, io.EOF):
		return &cause{text: "the connection ended before the answer", is: io.EOF}, true
	case fixedTexts[err.Error()] != "":
		return &cause{text: fixedTexts[err.Error()]}, true
	}
	return nil, false
}

// printable keeps names out of a certificate or resolver from breaking log lines.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 300)]
}
