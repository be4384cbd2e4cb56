// public_test.go: which paths "public" lets in, whatever a backend makes of them.

package caddymodule

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

func publicOf(t testing.TB, patterns ...string) publicPaths {
	t.Helper()
	p, err := newPublicPaths(patterns)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPublicMatch(t *testing.T) {
	p := publicOf(t, "/public/*", "/healthz", "/")
	for target, want := range map[string]bool{
		"/public/x": true, "/public/": true, "/public/a%20b": true, "/public/x?a=/../": true, "/%70ublic/x": true, "/healthz": true, "/": true,
		"/public/%c3%bc": true, "/public/..x": true, "/public//x": true, "/public/a%e2%80%a6": true, "/public/%e8%af%b4%ef%bc%9b%e6%98%8e": true,
		"/public": false, "/Public/x": false, "/healthz/": false, "//healthz": false, "//public/x": false, "/x": false,
		"/public/../x": false, "/public/.": false, "/public/...": false, "/public/%2e%2e/x": false, "/public/..;/x": false, "/public/;x": false,
		"/public/%5c..": false, "/public/%2f": false, "/public/%252e": false, "/public/%00": false, "/public/%23": false, "/public/%3f": false,
		"/public/%ff": false, "/public/%3b": false, "/public/%0a": false, "/public/%7f": false, "/public/..%20/x": false,
		// fullwidth and other forms of / \ . ; and blank
		"/public/..%ef%bc%8fx": false, "/public/..%e2%88%95x": false, "/public/..%ef%bc%bcx": false, "/public/%ef%bc%852e": false,
		"/public/%ef%bc%8e%ef%bc%8e/x": false, "/public/%e2%80%a5/x": false, "/public/%e2%80%a4./x": false, "/public/..%ef%bc%9b/x": false, "/public/..%c2%a0/x": false,
	} {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.match(u); got != want {
			t.Errorf("%s: %v; want %v", target, got, want)
		}
	}
	none := publicOf(t)
	if none.match(&url.URL{Path: "/"}) {
		t.Error("an empty list lets / in")
	}
}

func TestPublicPatterns(t *testing.T) {
	for pattern, want := range map[string]bool{
		"/": true, "/*": true, "/a": true, "/a/*": true, "/a/b.c": true, "/ü": true,
		"": false, "a": false, "*": false, "/a*": false, "/*/a": false, "/a/**": false, "/a/*/*": false, "/a;b": false, "/a?b": false, "/a#b": false,
		"/a%20b": false, "/a/../b": false, "/a/./b": false, "/a\\b": false, "/a\x00": false, "https://a/b": false,
	} {
		if err := checkPublicPattern(pattern); (err == nil) != want {
			t.Errorf("%q: %v; want accepted: %v", pattern, err, want)
		}
	}
}

// FuzzPublicPath reads each path that is let in as the backends do that were
// seen to differ: decoded twice, with "\" for "/", without ";parameters", cut at
// NUL, cleaned. None of them may leave /public/.
func FuzzPublicPath(f *testing.F) {
	for _, target := range []string{
		"/public/x", "/public/..;/api", "/public/%2e%2e/api", "/public/%252e%252e/api", "/public/..%5capi", "/public/%00", "/public/.../x",
		"/public/a;b/../c", "/PUBLIC/x", "//public/x", "/public/%c0%ae", "/public/..%2fapi", "/public/x%3b", "/public/?x", "/public/%u002e",
	} {
		f.Add(target)
	}
	p := publicOf(f, "/public/*")
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !p.match(u) {
			return
		}
		raw, _, _ := strings.Cut(target, "?")
		for _, reading := range readings(raw) {
			if clean := path.Clean("/" + reading); clean != "/public" && !strings.HasPrefix(clean, "/public/") {
				t.Errorf("%q was let in, and may be read as %q", target, clean)
			}
		}
	})
}

// readings are what backends make of a path that they get as it was sent.
func readings(raw string) []string {
	if u, err := url.Parse(raw); err == nil && u.Host != "" {
		raw = u.EscapedPath() // the absolute form
	}
	var list []string
	for range 3 {
		list = append(list, raw, strings.ReplaceAll(raw, `\`, "/"))
		beforeNUL, _, _ := strings.Cut(raw, "\x00")
		var segments, trimmed []string
		for segment := range strings.SplitSeq(raw, "/") {
			name, _, _ := strings.Cut(segment, ";")
			segments = append(segments, name)
			if name = strings.TrimRight(segment, ". "); name == "" && segment != "" {
				name = ".." // the worst that Windows could make of it
			}
			trimmed = append(trimmed, name)
		}
		list = append(list, beforeNUL, strings.Join(segments, "/"), strings.Join(trimmed, "/"))
		decoded, err := url.PathUnescape(raw)
		if err != nil {
			break
		}
		raw = decoded
	}
	return list
}
