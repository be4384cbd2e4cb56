// query.go: no credential of the caller's reaches WeChat, however it is spelled.

package relay

import (
	"net/url"
	"strings"
)

const maxQuery = 32 << 10

// cleanQuery returns a query without its credentials, all else as it was and in its
// order, and the values of those that are named access_token just so. It refuses what
// two readers may split in two ways.
func cleanQuery(raw string) (rest string, tokens []string, err error) {
	if len(raw) > maxQuery {
		return "", nil, invalid("the query is too long")
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c >= 0x7f || c == '#' || c == ';' || c == '\\' {
			return "", nil, invalid("the query has a character that must be percent-encoded")
		}
	}
	if raw == "" {
		return "", nil, nil
	}
	var kept []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil {
			return "", nil, invalid("the query has a percent sign that encodes nothing")
		}
		text, err := url.QueryUnescape(value)
		if err != nil {
			return "", nil, invalid("the query has a percent sign that encodes nothing")
		}
		if plain == "access_token" {
			tokens = append(tokens, text)
		}
		if !isCredential(plain) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&"), tokens, nil
}

// isCredential reports whether a decoded name is access_token, secret, appsecret or
// one of their like (component_access_token, AccessToken, access_token[], secret%00).
// A name that is encoded twice counts too: some reader on the way may decode twice.
func isCredential(name string) bool {
	for range 3 {
		letters := bareLetters(name)
		if strings.Contains(letters, "accesstoken") || strings.HasSuffix(letters, "secret") {
			return true
		}
		again, err := url.QueryUnescape(name)
		if err != nil || again == name {
			return false
		}
		name = again
	}
	return true // nobody who means well encodes a name so often
}

// bareLetters leaves of a name its ASCII letters in lower case.
func bareLetters(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z':
			b.WriteByte(c)
		case 'A' <= c && c <= 'Z':
			b.WriteByte(c + 'a' - 'A')
		}
	}
	return b.String()
}
