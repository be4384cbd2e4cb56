// scrub.go: what a client may not send on: identity headers in any spelling,
// hop-by-hop tricks, upgrades other than WebSocket, and trailers.

package gate

import (
	"net/http"

	"golang.org/x/net/http/httpguts"
)

// reservedPrefixes are the header names, folded, that only the gateway (or
// WeChat's own cloud, which is not in front of us) may set. Backends that came
// from WeChat Cloud Run trust X-WX-OPENID as others trust X-WeChat-OpenID.
//
// All begin with an x: reserved looks for it first.
var reservedPrefixes = [...]string{"x-wechat-", "x-wx-"}

// reserved reports whether a header name is one of ours in any spelling that a
// server behind us could take for it. CGI and its descendants map "_" and ".",
// and some map every character that is no letter or digit, to the character
// that "-" becomes; so all of these count as "-", and case does not count.
func reserved(name string) bool {
	if name == "" || foldByte(name[0]) != 'x' {
		return false // nearly all names, at the price of one look
	}
	for _, prefix := range reservedPrefixes {
		if len(name) < len(prefix) {
			continue
		}
		i := 0
		for i < len(prefix) && foldByte(name[i]) == prefix[i] {
			i++
		}
		if i == len(prefix) {
			return true
		}
	}
	return false
}

func foldByte(b byte) byte {
	switch {
	case 'a' <= b && b <= 'z', '0' <= b && b <= '9':
		return b
	case 'A' <= b && b <= 'Z':
		return b + ('a' - 'A')
	default:
		return '-'
	}
}

// Clean is a request that lost everything by which a client could speak
// in the gateway's name. Identity can be written to nothing else.
type Clean struct {
	*http.Request

	// Trailers says that the client announced trailers. They are gone from this
	// request, but not from the one that Caddy's error routes work on.
	Trailers bool

	WebSocket bool // it is a WebSocket handshake
}

// Downgrade takes the wish for a WebSocket off an HTTP/1.1 request, which is a plain one
// then.
func (r Clean) Downgrade() {
	delete(r.Header, "Connection")
	delete(r.Header, "Upgrade")
}

// Scrub takes the client's word out of a request. It runs on every request
// that reaches the handler, before any decision.
func Scrub(r *http.Request) Clean {
	// the raw keys: Header.Del would look for the canonical spelling only
	var connection, upgrade bool
	for name := range r.Header {
		switch {
		case reserved(name), name == "Http2-Settings":
			delete(r.Header, name)
		case name == "Connection":
			connection = true
		case name == "Upgrade":
			upgrade = true
		}
	}

	// The reverse proxy deletes, after us, every header that the client named
	// in Connection, ours included. And it makes a blind tunnel out of any
	// Upgrade that the backend agrees to, through which the client could write
	// headers of its own choice. So Connection keeps at most the one token that
	// a WebSocket needs, and Upgrade survives only as exactly that.
	websocket := upgrade && isWebSocketUpgrade(r)
	switch {
	case websocket:
		// in our spelling, whatever the case was
		r.Header["Connection"], r.Header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	case connection:
		delete(r.Header, "Connection")
	}
	if upgrade && !websocket {
		delete(r.Header, "Upgrade")
	}

	// Trailers arrive after every check. The reverse proxy reads them from the
	// request that net/http fills while the body is read; a copy of the request
	// is not that one, so nothing can come back into it. Without a body there
	// are none, and the copy is saved.
	trailers := r.Trailer != nil
	if r.ContentLength != 0 || trailers {
		r = r.WithContext(r.Context())
		r.Trailer = nil
		delete(r.Header, "Trailer")
	}
	return Clean{r, trailers, websocket || isWebSocketConnect(r)}
}

// isWebSocketUpgrade reports whether an HTTP/1.1 request asks for a WebSocket
// and for nothing else.
func isWebSocketUpgrade(r *http.Request) bool {
	upgrade := r.Header["Upgrade"]
	return len(upgrade) == 1 && equalASCII(upgrade[0], "websocket") &&
		httpguts.HeaderValuesContainsToken(r.Header["Connection"], "upgrade")
}

// isWebSocketConnect reports whether a request opens a WebSocket over HTTP/2
// (RFC 8441) or HTTP/3 (RFC 9220), in the two ways that Caddy's proxy knows.
func isWebSocketConnect(r *http.Request) bool {
	if r.Method != http.MethodConnect {
		return false
	}
	switch r.ProtoMajor {
	case 2:
		protocol := r.Header[":protocol"]
		return len(protocol) == 1 && protocol[0] == "websocket"
	case 3:
		return r.Proto == "websocket"
	default:
		return false
	}
}

// Tunnels reports whether the method is one that the gateway passes on for
// nobody: CONNECT is a pipe past every check unless it is a WebSocket, and
// TRACE shows the identity headers and cookies to whoever asks.
func Tunnels(r *http.Request) bool {
	return r.Method == http.MethodTrace ||
		r.Method == http.MethodConnect && !isWebSocketConnect(r)
}
