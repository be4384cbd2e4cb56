// naive.go: raw bytes as a credulous backend reads them.

package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// evidence is the bytes of one connection to the backend.
type evidence struct {
	raw      string
	switched string // the Upgrade that the backend agreed to
}

// believed is one request as the most credulous backend takes it: names of
// header fields are compared as CGI variables, in which case and all punctuation
// are lost; trailers count as header fields.
type believed struct {
	method, target string
	identity       map[string][]string // by folded name, x-wechat-* and x-wx-*
	credentials    []string            // the values of Authorization and Cookie
	trailers       bool
	broken         string // what is wrong with its framing
}

var requestLine = regexp.MustCompile(`^[!-~]+ [!-~]+ HTTP/\d`)

// read splits the bytes into the requests that a backend would find in them.
func (e evidence) read() (found []believed) {
	rest := e.raw
	for rest != "" {
		var b believed
		b, rest = readRequest(rest)
		found = append(found, b)
		if b.broken != "" || e.switched != "" {
			break
		}
	}
	return found
}

func readRequest(raw string) (b believed, rest string) {
	b.identity = make(map[string][]string)
	if !requestLine.MatchString(raw) {
		b.broken = "no request line"
		return b, ""
	}
	head, rest, ok := strings.Cut(raw, "\r\n\r\n")
	if !ok {
		b.broken = "head without end"
	}
	first, lines, _ := strings.Cut(head, "\r\n")
	parts := strings.SplitN(first, " ", 3)
	b.method, b.target = parts[0], parts[1]
	fields := b.believe(lines)
	length, chunked := fields["content-length"], fields["transfer-encoding"]
	switch {
	case len(length) > 0 && len(chunked) > 0, len(length) > 1, len(chunked) > 1:
		b.broken = "two lengths"
		return b, ""
	case len(chunked) > 0:
		return b, b.readChunks(rest)
	case len(length) > 0:
		n, err := strconv.Atoi(length[0])
		if err != nil || n < 0 {
			b.broken = "odd length"
		}
		return b, rest[min(max(n, 0), len(rest)):]
	}
	return b, rest
}

// believe reads field lines as leniently as anybody does: every line break
// begins a field, and blanks before the colon or the name do not count.
func (b *believed) believe(lines string) map[string][]string {
	fields := make(map[string][]string)
	for _, line := range strings.FieldsFunc(lines, func(r rune) bool { return r == '\r' || r == '\n' || r == 0 }) {
		name, value, _ := strings.Cut(line, ":")
		name = fold(strings.Trim(name, " \t\v\f"))
		fields[name] = append(fields[name], strings.TrimSpace(value))
		name = unwrap(name)
		if strings.HasPrefix(name, "x-wechat-") || strings.HasPrefix(name, "x-wx-") {
			b.identity[name] = append(b.identity[name], strings.TrimSpace(value))
		}
		if name == "authorization" || name == "cookie" {
			b.credentials = append(b.credentials, value)
		}
	}
	return fields
}

// unwrap finds one of ours in a folded name, as gateways do for what is behind them: of
// grpc-metadata-x-wechat-openid they make x-wechat-openid.
func unwrap(name string) string {
	for _, prefix := range []string{"x-wechat-", "x-wx-"} {
		if at := strings.Index(name, prefix); at > 0 {
			return name[at:]
		}
	}
	return name
}

// fold is how CGI and its descendants make a variable of a name, and more.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + ('a' - 'A')
		}
		return '-'
	}, name)
}

func (b *believed) readChunks(rest string) string {
	for {
		line, after, ok := strings.Cut(rest, "\r\n")
		if !ok {
			return "" // the client gave up
		}
		size, err := strconv.ParseInt(line, 16, 32)
		if err != nil {
			b.broken = "odd chunk"
			return ""
		}
		if size == 0 {
			trailers, next, _ := strings.Cut("\r\n"+after, "\r\n\r\n")
			if strings.TrimSpace(trailers) != "" {
				b.trailers = true
				b.believe(trailers)
			}
			return next
		}
		rest = after[min(int(size)+2, len(after)):]
	}
}

// is reports whether the backend believes in exactly this caller.
func (b *believed) is(openid, appid string) bool {
	return len(b.identity) == 2 && slices.Equal(b.identity["x-wechat-openid"], []string{openid}) &&
		slices.Equal(b.identity["x-wechat-appid"], []string{appid})
}

func (b *believed) isAnonymous() bool { return len(b.identity) == 0 }
