// returnpath.go: where on this site a browser goes after its login.

package weblogin

import (
	"net/url"
	"strconv"
	"strings"
)

// maxReturn bounds a return path, as given and as kept: 1 KiB.
const maxReturn = 1 << 10

// ParseReturn reads the values of the query parameter "return". What it gives
// is printable ASCII and always leads a browser to this site; "/" stands for
// everything that breaks a rule:
//
//   - It is given once and is at most 1 KiB long, also after the last rule.
//   - It begins with one "/". Nothing that some decoder may take for a second
//     one follows: no "/", no "\", and neither of them percent-encoded, however often.
//   - It holds no backslash (browsers read it as "/") and no control character
//     (browsers drop tabs and line ends: "/\t/evil.example" is "//evil.example").
//   - Its path has neither dot segments, which browsers resolve, also when they
//     are percent-encoded ("/.//evil.example"), nor percent-encoded control
//     characters, nor a "%" that encodes nothing.
//   - Spaces, quotation marks, angle brackets and what is not ASCII are percent-encoded.
//
// A fragment stays: single-page applications keep their route there.
func ParseReturn(values ...string) string {
	if len(values) != 1 {
		return "/"
	}
	s := values[0]
	if len(s) > maxReturn || !strings.HasPrefix(s, "/") || !plainCharacters(s) {
		return "/"
	}
	path := s
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		path = s[:i]
	}
	if !plainPath(path) {
		return "/"
	}
	s = encode(s)
	// A second opinion, by a parser that is not ours.
	if u, err := url.Parse(s); len(s) > maxReturn || err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return "/"
	}
	return s
}

// plainCharacters refuses backslashes and control characters, those of Latin-1
// (U+0080 to U+009F) included.
func plainCharacters(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < 0x20, c == 0x7f, c == '\\':
			return false
		case c == 0xc2 && i+1 < len(s) && s[i+1] >= 0x80 && s[i+1] < 0xa0:
			return false
		}
	}
	return true
}

// plainPath applies the rules for paths.
func plainPath(path string) bool {
	for decoded, again := path, true; again; {
		if len(decoded) > 1 && (decoded[1] == '/' || decoded[1] == '\\') {
			return false
		}
		for segment := range strings.SplitSeq(strings.ReplaceAll(decoded, `\`, "/"), "/") {
			if segment == "." || segment == ".." {
				return false
			}
		}
		next, err := url.PathUnescape(decoded)
		if err != nil {
			// A first decoding must work. A later one meets what was meant literally, and may
			// go on behind it.
			if decoded == path {
				return false
			}
			next = unescapeWhatCan(decoded)
		}
		for i := range len(next) {
			if next[i] < 0x20 || next[i] == 0x7f {
				return false
			}
		}
		decoded, again = next, next != decoded
	}
	return true
}

// unescapeWhatCan decodes as lax decoders do: a "%" that encodes nothing stays.
func unescapeWhatCan(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// encode percent-encodes what no URL holds as it is.
func encode(s string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ', c >= 0x7f, strings.IndexByte("\"<>^`{|}", c) >= 0:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
