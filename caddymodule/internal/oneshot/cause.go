// cause.go: what may be told of a network failure.

package oneshot

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
)

// Cause is a network failure reduced to words of our own and of the operating system.
// The original is not kept: net/http quotes the server's bytes in its errors, and a
// server or proxy can echo a request with its secret; a *url.Error shows the URL.
type Cause struct {
	Text string
	// Is can be found with errors.Is: a sentinel or an errno. May be nil.
	Is error
}

// Error says why, and what the operating system calls it.
func (c *Cause) Error() string {
	if c.Is == nil {
		return c.Text
	}
	return c.Text + ": " + c.Is.Error()
}

// Unwrap returns Is.
func (c *Cause) Unwrap() error { return c.Is }

// fixedTexts are net/http's unexported errors for connections that closed or never
// came about. They are constants, so there is nothing in them to hide.
var fixedTexts = map[string]string{
	"http: server closed idle connection": "the connection was closed under the request",
	"http: CloseIdleConnections called":   "the connection was closed under the request",
	"http: idle connection timeout":       "the connection was closed under the request",
	"net/http: TLS handshake timeout":     "TLS: the handshake timed out",
}

// Reduce tells a network error in safe words; network is false for anything else: a
// peer that does not speak HTTP, or a broken proxy setting.
func Reduce(err error) (why *Cause, network bool) {
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
		return &Cause{Text: "looking up " + printable(dns.Name) + ": " + printable(dns.Err)}, true
	case errors.As(err, &cert):
		// Nothing secret is sent before the handshake ends, so the text is safe.
		return &Cause{Text: "TLS: " + printable(cert.Err.Error())}, true
	case errors.As(err, &record):
		return &Cause{Text: "TLS: the peer does not speak TLS"}, true
	case errors.As(err, &op):
		text := op.Op
		if op.Addr != nil {
			text += " " + op.Addr.String()
		}
		switch {
		case errors.As(op.Err, &errno):
			return &Cause{Text: text, Is: errno}, true
		case op.Timeout():
			return &Cause{Text: text + ": timed out"}, true
		case op.Op == "remote error" || op.Op == "local error":
			// A TLS alert: a number with a fixed text.
			return &Cause{Text: "TLS: " + op.Op + ": " + printable(op.Err.Error())}, true
		}
		return &Cause{Text: text + ": failed"}, true
	case errors.As(err, &errno):
		return &Cause{Text: "network", Is: errno}, true
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Cause{Text: "the connection ended inside the answer", Is: io.ErrUnexpectedEOF}, true
	case errors.Is(err, io.EOF):
		return &Cause{Text: "the connection ended before the answer", Is: io.EOF}, true
	case fixedTexts[err.Error()] != "":
		return &Cause{Text: fixedTexts[err.Error()]}, true
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
