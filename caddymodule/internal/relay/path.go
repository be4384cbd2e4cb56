// path.go: which paths are relayed. Only what has one reading gets that far.

package relay

import (
	"fmt"
	"net/url"
	"strings"
)

// Where SDKs ask for a token.
const (
	tokenPath       = "/cgi-bin/token"
	stableTokenPath = "/cgi-bin/stable_token"
)

const maxPath = 512

// never are the paths that give or take away credentials or quota, folded. One that
// ends in * is a prefix; the others count with all that is below them.
var never = []rule{
	{"/sns", false},
	{tokenPath, false},
	{stableTokenPath, false},
	{"/cgi-bin/ticket/getticket", false},
	{"/cgi-bin/clear_quota", true},
	{"/cgi-bin/openapi/quota/clear", true},
	{"/cgi-bin/component", false},
	{"/wxa/resetusersessionkey", false},
	{"/wxa/checksession", false},
	{"/wxa/business/getuserencryptkey", false},
	{"/tcb", false},
}

// rule names a folded path, or with open all that begins with it.
type rule struct {
	path string
	open bool
}

func (r rule) covers(folded string) bool {
	rest, ok := strings.CutPrefix(folded, r.path)
	return ok && (r.open || rest == "" || rest[0] == '/')
}

func neverRelayed(folded string) bool {
	for _, r := range never {
		if r.covers(folded) {
			return true
		}
	}
	return false
}

// allowed tells whether a list lets a path through; the empty list does.
func allowed(list []rule, folded string) bool {
	for _, r := range list {
		if folded == r.path || r.open && r.covers(folded) {
			return true
		}
	}
	return len(list) == 0
}

// CheckAllow says what New would refuse the entries of an allow list for, or nil.
func CheckAllow(entries []string) error {
	_, err := parseAllow(entries)
	return err
}

// parseAllow reads the entries of an allow list.
func parseAllow(entries []string) ([]rule, error) {
	var list []rule
	for _, entry := range entries {
		path, open := strings.CutSuffix(entry, "/*")
		if entry != "/*" {
			if reason := badPath(path); reason != "" {
				return nil, fmt.Errorf("allow %q: %s", entry, reason)
			}
		}
		folded := fold(path)
		if neverRelayed(folded) {
			return nil, fmt.Errorf("allow %q: this path is never relayed", entry)
		}
		if open {
			folded += "/"
		}
		list = append(list, rule{folded, open})
	}
	return list, nil
}

// cleanPath returns the path of a call if it is made of plain segments, in which no
// reader on the way finds anything to decode, merge or resolve.
func cleanPath(u *url.URL) (string, error) {
	if u.Host != "" || u.Scheme != "" || u.Opaque != "" {
		return "", invalid("the request must name a path and no host")
	}
	path := u.EscapedPath()
	if reason := badPath(path); reason != "" {
		return "", invalid(reason)
	}
	return path, nil
}

// badPath says what is wrong with a path, or "".
func badPath(path string) string {
	switch {
	case len(path) > maxPath:
		return "the path is too long"
	case path == "" || path[0] != '/':
		return "a path begins with /"
	}
	for i := range len(path) {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '/', c == '_', c == '-', c == '.':
		default:
			return "a path of WeChat's API has letters, digits, /, _, - and . only"
		}
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(path[1:], "/"), "/") {
		switch {
		case segment == "":
			return "the path has an empty segment"
		case segment[0] == '.' || segment[len(segment)-1] == '.': // some readers drop the dots
			return "the path has a dot segment, or one that begins or ends with a dot"
		}
	}
	return ""
}

// fold returns a path as rules compare it: without case and trailing slash.
func fold(path string) string { return strings.TrimSuffix(asciiLower(path), "/") }
