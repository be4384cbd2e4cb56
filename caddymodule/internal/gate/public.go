// public.go: which paths are let in without a session.

package gate

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// PublicPaths is the list of the option "public": exact paths, and prefixes
// that end in "/*".
type PublicPaths struct {
	exact    map[string]struct{}
	prefixes []string // each ends in "/"
}

// NewPublicPaths reads the patterns, and refuses those that cannot be meant.
func NewPublicPaths(patterns []string) (PublicPaths, error) {
	p := PublicPaths{exact: make(map[string]struct{})}
	for _, pattern := range patterns {
		if err := CheckPublicPattern(pattern); err != nil {
			return PublicPaths{}, err
		}
		if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
			p.prefixes = append(p.prefixes, prefix)
		} else {
			p.exact[pattern] = struct{}{}
		}
	}
	return p, nil
}

// CheckPublicPattern refuses a pattern that could never match, or that says
// something else than its author thinks.
func CheckPublicPattern(pattern string) error {
	path := pattern
	if prefix, ok := strings.CutSuffix(pattern, "/*"); ok {
		path = prefix + "/"
	}
	switch {
	case !strings.HasPrefix(pattern, "/"):
		return fmt.Errorf("public path %q must begin with /", pattern)
	case strings.Contains(path, "*"):
		return fmt.Errorf("public path %q: * may only be at the end, as /*: write %s and %s/*", pattern, withoutStar(pattern), withoutStar(pattern))
	case !PlainPath(path) || strings.Contains(path, "%"):
		return fmt.Errorf("public path %q: write the decoded path, without query, %%, \\, ; and dot segments", pattern)
	}
	return nil
}

// withoutStar is what a pattern seems to mean by a star in the wrong place.
func withoutStar(pattern string) string {
	before, _, _ := strings.Cut(pattern, "*")
	return strings.TrimRight(before, "/")
}

// match reports whether a request for u may pass without a session. It reads
// the decoded path, as most backends do, and says no to every path that a
// backend might read differently from us: those are then protected like the
// rest of the site.
func (p *PublicPaths) match(u *url.URL) bool {
	if len(p.exact) == 0 && len(p.prefixes) == 0 {
		return false
	}
	if !PlainPath(u.Path) || strings.Contains(u.Path, "%") || hidesSyntax(u.EscapedPath()) {
		return false
	}
	if _, ok := p.exact[u.Path]; ok {
		return true
	}
	for _, prefix := range p.prefixes {
		if strings.HasPrefix(u.Path, prefix) {
			return true
		}
	}
	return false
}

// PlainPath reports whether a decoded path means the same to every server.
// What it refuses was each seen to be read in two ways: "\" as "/", ";x" as
// nothing, "#" as an end, dot segments resolved or not, NUL as an end, broken
// UTF-8 decoded to something else, and other letters that a backend folds into
// one of these. A per cent sign left after decoding (a double encoding) is
// the caller's to refuse, because a configured path is given decoded.
func PlainPath(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, ";") || !plainText(path) {
		return false
	}
	if isASCII(path) {
		return true
	}
	if !utf8.ValidString(path) {
		return false
	}
	folded := fold(path)
	return plainText(folded) && !strings.ContainsAny(folded, foldedSyntax) &&
		strings.Count(folded, "/") == strings.Count(path, "/")
}

// plainText reports whether a path has no control characters and no syntax but
// slashes, and no segment that leads elsewhere.
func plainText(path string) bool {
	for _, c := range path {
		switch {
		case unicode.IsControl(c), c == '\\', c == '?', c == '#':
			return false
		}
	}
	for segment := range strings.SplitSeq(path, "/") {
		// "." and "..", "..." or ".. " that Windows trims to them, and "..;x". A
		// semicolon after a name only shortens the name.
		rest := strings.TrimLeftFunc(segment, isDotOrBlank)
		if segment != "" && (rest == "" || rest[0] == ';') {
			return false
		}
	}
	return true
}

func isDotOrBlank(c rune) bool { return c == '.' || unicode.IsSpace(c) }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// foldedSyntax must not be in a folded path: the per cent sign, and what
// Windows, but not NFKC, makes a slash or a backslash of.
const foldedSyntax = "%\u2044\u2215\u2216\u29f5\u29f8\u29f9"

// fold reads a path as a backend may that brings text into the compatibility
// form of Unicode (NFKC) and leaves out what cannot be seen, and accents.
func fold(path string) string {
	return strings.Map(func(c rune) rune {
		if unicode.In(c, unicode.Cf, unicode.Mn, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return -1
		}
		return c
	}, norm.NFKC.String(path))
}

// hidesSyntax reports whether an escaped path has characters encoded that mean
// something to a backend that decodes them at another moment than we do.
func hidesSyntax(escaped string) bool {
	for i := 0; i+2 < len(escaped); i++ {
		if escaped[i] != '%' {
			continue
		}
		switch strings.ToLower(escaped[i+1 : i+3]) {
		case "2f", "5c", "2e", "25", "3b", "00":
			return true
		}
	}
	return false
}
