// public.go: which paths are let in without a session.

package caddymodule

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// publicPaths is the list of the option "public": exact paths, and prefixes
// that end in "/*".
type publicPaths struct {
	exact    map[string]struct{}
	prefixes []string // each ends in "/"
}

func newPublicPaths(patterns []string) (publicPaths, error) {
	p := publicPaths{exact: make(map[string]struct{})}
	for _, pattern := range patterns {
		if err := checkPublicPattern(pattern); err != nil {
			return publicPaths{}, err
		}
		if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
			p.prefixes = append(p.prefixes, prefix)
		} else {
			p.exact[pattern] = struct{}{}
		}
	}
	return p, nil
}

// checkPublicPattern refuses a pattern that could never match, or that says
// something else than its author thinks.
func checkPublicPattern(pattern string) error {
	path := pattern
	if prefix, ok := strings.CutSuffix(pattern, "/*"); ok {
		path = prefix + "/"
	}
	switch {
	case !strings.HasPrefix(pattern, "/"):
		return fmt.Errorf("public path %q must begin with /", pattern)
	case strings.Contains(path, "*"):
		return fmt.Errorf("public path %q: * may only stand at the end, as /*", pattern)
	case !plainPath(path) || strings.Contains(path, "%"):
		return fmt.Errorf("public path %q: write the decoded path, without query, %%, \\, ; and dot segments", pattern)
	}
	return nil
}

// match reports whether a request for u may pass without a session. It reads
// the decoded path, as most backends do, and says no to every path that a
// backend might read differently from us: those are then protected like the
// rest of the site.
func (p *publicPaths) match(u *url.URL) bool {
	if len(p.exact) == 0 && len(p.prefixes) == 0 {
		return false
	}
	if !plainPath(u.Path) || strings.Contains(u.Path, "%") || hidesSyntax(u.EscapedPath()) {
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

// plainPath reports whether a decoded path means the same to every server.
// What it refuses was each seen to be read in two ways: "\" as "/", ";x" as
// nothing, "#" as an end, dot segments resolved or not, NUL as an end, broken
// UTF-8 decoded to something else. A per cent sign left after decoding (a double encoding) is
// the caller's to refuse, because a configured path is given decoded.
func plainPath(path string) bool {
	if !strings.HasPrefix(path, "/") || !utf8.ValidString(path) {
		return false
	}
	for i := range len(path) {
		switch c := path[i]; {
		case c < 0x20, c == 0x7f, c == '\\', c == ';', c == '?', c == '#':
			return false
		}
	}
	if strings.ContainsAny(path, syntaxLookalikes) {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		// "." and "..", and "..." or ".. " that Windows trims to them
		if segment != "" && strings.Trim(segment, dotLookalikes) == "" {
			return false
		}
	}
	return true
}

// What becomes a slash, a backslash or a per cent sign, and what a dot, a blank
// or a semicolon, where a backend brings text into a compatibility form of
// Unicode (NFKC) or Windows fits it into a code page. A dot in a name is only a
// dot: it takes a whole segment of them to lead elsewhere.
const (
	syntaxLookalikes = "\u2044\u2215\u2216\u29f5\u29f8\u29f9\ufe68\ufe6a\uff05\uff0f\uff3c"
	dotLookalikes    = ". \u00a0\u3000\u2024\u2025\u2026\ufe52\uff0e\u037e\uff1b"
)

// hidesSyntax reports whether an escaped path has characters encoded that mean
// something to whoever decodes them at another moment than we do.
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
