// scrub.go: what a client may not send on: identity headers in any spelling,
// hop-by-hop tricks, upgrades other than WebSocket, and trailers.

package gate

import (
	"net/http"

	"golang.org/x/net/http/httpguts"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/ascii"
)

// reservedPrefixes are the header names, folded, that only the gateway (or
// WeChat's own cloud, which is not in front of us) may set. Backends that came
// from WeChat Cloud Run trust X-WX-OPENID as others trust X-WeChat-OpenID.
//
// All have a w behind two characters: reserved looks for it first.
var reservedPrefixes = [...]string{"x-wechat-", "x-wx-"}

// reserved reports whether a header name holds one of ours in any spelling that a
// server behind us could take for it. CGI and its descendants map "_" and ".",
// and some map every character that is no letter or digit, to the character
// that "-" becomes; so all of these count as "-", and case does not count.
//
// Holds, because others unwrap names: grpc-gateway makes x-wechat-openid of
// Grpc-Metadata-X-WeChat-OpenID, and so do clouds with X-Amzn-Remapped-.
func reserved(name string) bool {
	if !mayHoldW(name) {
		return false // nearly all names
	}
	for at := range len(name) {
		for _, prefix := range reservedPrefixes {
			if foldsTo(name[at:], prefix) {
				return true
			}
		}
	}
	return false
}

// mayHoldW reports whether there is a w in a name, in either case, or something that is
// one but for the bit of the case. It looks at eight bytes at a time: this is what every
// header of every request costs.
func mayHoldW(name string) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	if len(name) < 8 {
		for i := range len(name) {
			if name[i]|0x20 == 'w' {
				return true
			}
		}
		return false
	}
	for at := 0; ; at += 8 {
		at = min(at, len(name)-8) // the last eight may overlap
		s := name[at : at+8]
		word := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		word = (word | 0x20*ones) ^ 'w'*ones // a w is a zero byte now
		if (word-ones)&^word&highs != 0 {
			return true
		}
		if at == len(name)-8 {
			return false
		}
	}
}

// foldsTo reports whether a name begins with the folded prefix.
func foldsTo(name, prefix string) bool {
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if foldByte(name[i]) != prefix[i] {
			return false
		}
	}
	return true
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

	// Lasting says that the answer may go on for as long as both sides like: a
	// WebSocket, an event stream, a gRPC call.
	Lasting bool
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
	var connection, upgrade, stream bool
	for name, values := range r.Header {
		if reserved(name) {
			delete(r.Header, name)
			continue
		}
		switch name {
		case "Http2-Settings":
			delete(r.Header, name)
		case "Connection":
			connection = true
		case "Upgrade":
			upgrade = true
		case "Accept":
			stream = stream || acceptsEventStream(values)
		case "Content-Type":
			stream = stream || isGRPC(values)
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
	websocket = websocket || isWebSocketConnect(r)
	return Clean{r, trailers, websocket, websocket || stream}
}

// isWebSocketUpgrade reports whether an HTTP/1.1 request asks for a WebSocket
// and for nothing else.
func isWebSocketUpgrade(r *http.Request) bool {
	upgrade := r.Header["Upgrade"]
	return len(upgrade) == 1 && ascii.Equal(upgrade[0], "websocket") &&
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
// TRACE shows the identity headers and cookies to any caller.
func Tunnels(r *http.Request) bool {
	// methods have a case (RFC 9110 section 9.1), but a backend may not know that
	return ascii.Equal(r.Method, "trace") ||
		ascii.Equal(r.Method, "connect") && !isWebSocketConnect(r)
}
