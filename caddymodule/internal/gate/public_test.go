// public_test.go: which paths "public" lets in, whatever a backend makes of them.

package gate

import (
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func publicOf(t testing.TB, patterns ...string) PublicPaths {
	t.Helper()
	p, err := NewPublicPaths(patterns)
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
		"/public/%ef%b8%b0/x": false, "/public/..%ef%b9%94/x": false, "/public/..%ef%bc%9bx/x": false, "/public/..%cd%be/x": false, "/public/%ef%bc%9bx": false,
		"/public/..%e2%80%82/x": false, "/public/%ef%b8%99/x": false, "/public/..%e2%80%8b/x": false, "/public/.%cc%81./x": false, "/public/a%e2%84%80b": false,
		"/public/a%ef%bc%9f": false, "/public/a%ef%bc%83": false, "/public/a%c2%85": false, "/public/%e8%af%b4%ef%bc%8e%e6%98%8e": true, "/public/a%e3%80%80b": true,
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

// No letter that a backend may fold into syntax is let in where it would be
// syntax, and one that is a part of a name stays one.
func TestPublicFolding(t *testing.T) {
	p := publicOf(t, "/public/*")
	seen := make(map[string]int)
	check := func(kind string, want bool, paths ...string) {
		t.Helper()
		seen[kind]++
		for _, path := range paths {
			if p.match(&url.URL{Path: path}) != want {
				t.Errorf("%s: %+q: %v; want %v", kind, path, !want, want)
			}
		}
	}
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		c := string(r)
		folded := norm.NFKC.String(c)
		blank := strings.TrimSpace(folded) == ""
		switch {
		case strings.ContainsAny(folded, `/\%?#`):
			check("syntax", false, "/public/a"+c+"b", "/public/.."+c+"x", "/public/"+c)
		case strings.Trim(folded, ".") == "":
			check("dots", false, "/public/"+c, "/public/"+c+c+"/x", "/public/."+c+"/x", "/public/"+c+"\u200b/x", "/public/"+c+"\uff1b/x")
			check("dots in a name", true, "/public/a"+c+"b", "/public/.."+c+"x")
		case strings.HasPrefix(folded, ";"):
			check("semicolon", false, "/public/.."+c+"x", "/public/.."+c, "/public/.."+c+"/x", "/public/. "+c, "/public/"+c+"/x")
			check("semicolon in a name", true, "/public/\u8bf4"+c+"\u660e", "/public/a.b"+c)
		case blank && unicode.IsControl(r):
			check("control", false, "/public/a"+c)
		case blank:
			check("blank", false, "/public/.."+c, "/public/"+c+"../x", "/public/"+c, "/public/."+c+"./x")
			check("blank in a name", true, "/public/a"+c+"b", "/public/..x"+c)
		case strings.HasPrefix(folded, " ") && utf8.RuneCountInString(folded) == 2: // an accent that stands alone
			check("accent", false, "/public/.."+c+"/x")
		case unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
			check("ignorable", false, "/public/.."+c+"/x", "/public/."+c+"./x", "/public/"+c+"..", "/public/.."+c+"\uff1bx")
			check("ignorable in a name", true, "/public/a"+c+"b")
		}
	}
	for kind, least := range map[string]int{"syntax": 10, "dots": 6, "semicolon": 3, "control": 1, "blank": 15, "accent": 10, "ignorable": 400} {
		if seen[kind] < least {
			t.Errorf("%s: only %d letters", kind, seen[kind])
		}
	}
	for _, c := range "\u2044\u2215\u2216\u29f5\u29f8\u29f9" {
		check("best fit", false, "/public/.."+string(c)+"api")
	}
}

// The fold is for the few paths that are not ASCII.
func TestPublicMatchAllocations(t *testing.T) {
	p := publicOf(t, "/public/*")
	u := &url.URL{Path: "/public/assets/app.3f2a.js"}
	if n := testing.AllocsPerRun(100, func() { p.match(u) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestPublicPatterns(t *testing.T) {
	for pattern, want := range map[string]bool{
		"/": true, "/*": true, "/a": true, "/a/*": true, "/a/b.c": true, "/ü": true,
		"": false, "a": false, "*": false, "/a*": false, "/*/a": false, "/a/**": false, "/a/*/*": false, "/a;b": false, "/a?b": false, "/a#b": false,
		"/a%20b": false, "/a/../b": false, "/a/./b": false, "/a\\b": false, "/a\x00": false, "https://a/b": false,
	} {
		if err := CheckPublicPattern(pattern); (err == nil) != want {
			t.Errorf("%q: %v; want accepted: %v", pattern, err, want)
		}
	}
}

// FuzzPublicPath reads each path that is let in as the backends do that were
// seen to differ: decoded twice, with "\" for "/", without ";parameters", cut at
// NUL, folded to NFKC, cleaned. None of them may leave /public/.
func FuzzPublicPath(f *testing.F) {
	for _, target := range []string{
		"/public/x", "/public/..;/api", "/public/%2e%2e/api", "/public/%252e%252e/api", "/public/..%5capi", "/public/%00", "/public/.../x",
		"/public/a;b/../c", "/PUBLIC/x", "//public/x", "/public/%c0%ae", "/public/..%2fapi", "/public/x%3b", "/public/?x", "/public/%u002e",
		"/public/%ef%b8%b0/api", "/public/..%ef%b9%94/api", "/public/..%e2%80%82/api", "/public/..%e2%80%8b/api", "/public/..%e2%84%80/api", "/public/\u8bf4\uff1b\u660e",
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
		visible := strings.NewReplacer("\u200b", "", "\u2060", "", "\ufeff", "", "\ufe0f", "", "\u00ad", "").Replace(raw)
		for _, raw := range []string{raw, norm.NFKC.String(raw), norm.NFKC.String(visible)} {
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
		}
		decoded, err := url.PathUnescape(raw)
		if err != nil {
			break
		}
		raw = decoded
	}
	return list
}
