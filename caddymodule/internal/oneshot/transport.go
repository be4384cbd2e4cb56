// transport.go: the connections to WeChat, and the bodies that net/http cannot repeat.

package oneshot

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	// maxHeader bounds the response header, interim responses included.
	maxHeader = 64 << 10
	// connectTimeout bounds the dial, and the TLS handshake likewise.
	connectTimeout = 5 * time.Second
	// idleTimeout is short because a request sent just when the server closes its
	// idle connection fails, and is not repeated.
	idleTimeout = 30 * time.Second
)

// Options configure a transport.
type Options struct {
	// How many idle connections are kept.
	MaxIdle int
	// Trusted roots; nil are the system's.
	RootCAs *x509.CertPool
	// The egress proxy; nil asks the environment. Loopback is never proxied.
	Proxy func(*http.Request) (*url.URL, error)
}

// NewTransport returns a transport for one base URL. It speaks HTTP/1.1 and TLS 1.2 or
// newer, asks for no compression, and bounds the connect and the response header.
//
// A caller sends with RoundTrip and not with an http.Client, which follows redirects,
// with the whole previous URL as Referer, and wraps errors with the whole URL.
func NewTransport(base *url.URL, o Options) *http.Transport {
	if o.Proxy == nil {
		o.Proxy = http.ProxyFromEnvironment
	}
	if Loopback(base.Hostname()) {
		o.Proxy = nil
	}
	// HTTP/1.1 alone: HTTP/2 has replay rules of its own, which EmptyBody does not rule.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  o.Proxy,
		DialContext:            (&net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		TLSHandshakeTimeout:    connectTimeout,
		Protocols:              &protocols,
		DisableCompression:     true,
		MaxIdleConns:           o.MaxIdle,
		MaxIdleConnsPerHost:    o.MaxIdle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// EmptyBody makes a GET that net/http does not repeat. When a kept-alive connection
// dies before the first byte of the response, the transport sends a request again by
// itself if it "has no body" (Request.isReplayable): WeChat would get a code twice
// and refuse the second. A body that is neither nil nor http.NoBody, with no GetBody,
// forbids that; being empty, it leaves no trace on the wire of a GET.
//
// A POST needs something else: EmptyBody would go out as a chunked body, and
// http.NoBody is not repeated as long as the request carries no Idempotency-Key.
type EmptyBody struct{}

// Read is always at the end.
func (EmptyBody) Read([]byte) (int, error) { return 0, io.EOF }

// Close does nothing.
func (EmptyBody) Close() error { return nil }

// Loopback reports whether a host, of a URL without its port, is this machine.
func Loopback(host string) bool {
	if strings.ToLower(host) == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
