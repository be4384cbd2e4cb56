// cookieread.go: finding the session cookie in a request, exactly, and taking it out
// of one, widely.

package gate

import (
	"net/http"
	"net/url"
	"strings"
)

// sessionCookies is what a request's Cookie fields hold of the session cookie.
type sessionCookies struct {
	values []string // of the cookies with exactly the name

	// lookAlikes says that there are cookies that only a lax reader takes for ours. A
	// browser lets any sibling domain set them, as they do not begin with __Host-: so
	// they prove nothing, contradict nothing, and do not go on.
	lookAlikes bool
}

// readSessionCookies finds the cookies with the name. A browser looks at the bytes of a
// name, without the spaces and tabs around it (RFC 6265bis section 5.6); a reader that
// trims or folds more takes a cookie for ours to which the browser's rule of __Host-
// did not apply.
func readSessionCookies(header http.Header, name string) (found sessionCookies) {
	for _, line := range header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			n, v, ok := strings.Cut(pair, "=")
			switch {
			case ok && trimBlanks(n) == name:
				found.values = append(found.values, unquote(trimBlanks(v)))
			case resembles(n, name):
				found.lookAlikes = true
			}
		}
	}
	return found
}

// removeSessionCookies takes all cookies out of a request that a backend could take for
// the one with the name, and leaves the others byte for byte.
func removeSessionCookies(header http.Header, name string) {
	var kept []string
	for _, line := range header["Cookie"] {
		var pairs []string
		removed := false
		for pair := range strings.SplitSeq(line, ";") {
			if n, _, _ := strings.Cut(pair, "="); resembles(n, name) {
				removed = true
			} else {
				pairs = append(pairs, pair)
			}
		}
		if !removed {
			kept = append(kept, line)
		} else if rest := trimBlanks(strings.Join(pairs, ";")); rest != "" {
			kept = append(kept, rest)
		}
	}
	if len(kept) == 0 {
		delete(header, "Cookie")
		return
	}
	header["Cookie"] = kept
}

// trimBlanks takes spaces and tabs off both ends: what HTTP knows as blank.
func trimBlanks(text string) string { return strings.Trim(text, " \t") }

// unquote takes one pair of quotes off a value (RFC 6265 section 4.1.1).
func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

// resembles reports whether some server could read a cookie's name as this one: without
// what is not visible ASCII around it (other blanks, in UTF-8 or as Latin-1), without
// regard to case, decoded, or with "_" for ".", blank, "+" and "[", as PHP has it.
func resembles(got, name string) bool {
	got = trimInvisible(got)
	if len(got) < len(name) {
		return false
	}
	if len(got) > len(name) {
		if !strings.Contains(got, "%") {
			return false
		}
		decoded, err := url.PathUnescape(got)
		if err != nil {
			return false
		}
		if got = trimInvisible(decoded); len(got) != len(name) {
			return false
		}
	}
	for i := range len(name) {
		if foldCookieByte(got[i]) != foldCookieByte(name[i]) {
			return false
		}
	}
	return true
}

func trimInvisible(text string) string {
	for text != "" && invisible(text[0]) {
		text = text[1:]
	}
	for text != "" && invisible(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func invisible(b byte) bool { return b <= ' ' || b >= 0x7f || b == '"' }

func foldCookieByte(b byte) byte {
	switch {
	case 'A' <= b && b <= 'Z':
		return b + ('a' - 'A')
	case b == '.', b == ' ', b == '+', b == '[':
		return '_'
	}
	return b
}
