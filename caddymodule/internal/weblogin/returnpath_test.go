package weblogin

import (
	neturl "net/url"
	"strings"
	"testing"

	whatwg "github.com/nlnwa/whatwg-url/url"
)

func TestParseReturn(t *testing.T) {
	long := "/" + strings.Repeat("x", maxReturn-1)
	for in, want := range map[string]string{
		"/":                          "/",
		"/a":                         "/a",
		"/orders?page=2&x=%2F%2F":    "/orders?page=2&x=%2F%2F",
		"/a?next=https://b.example/": "/a?next=https://b.example/",
		"/a?b=../..//\u00e9":         "/a?b=../..//%C3%A9",
		"/app#/route/1":              "/app#/route/1",
		"/商品?q=a b":                  "/%E5%95%86%E5%93%81?q=a%20b",
		"/a//b":                      "/a//b",
		"/a%2fb":                     "/a%2fb",
		"/100%25":                    "/100%25",
		"/100%2525":                  "/100%2525",
		"/a.b/..c/...":               "/a.b/..c/...",
		"/?":                         "/?",
		"/@b.example":                "/@b.example",
		"/:80":                       "/:80",
		"/a<b>\"c\"`{|}^":            "/a%3Cb%3E%22c%22%60%7B%7C%7D%5E",
		"/a?x=%0d%0a":                "/a?x=%0d%0a",
		"/\xff":                      "/%FF",
		long:                         long,
	} {
		if got := ParseReturn(in); got != want {
			t.Errorf("%q: %q; want %q", in, got, want)
		}
	}
}

// Ways out of the site, and what may become one in a decoder on the way.
var waysOut = []string{
	"", "evil", "evil.example/", "https://evil.example", "HTTPS://evil.example/", "https:/evil.example", "https:evil.example",
	"/%252e//evil.example/%25", "/%25252e//evil.example/%2525", "/a/%252e%252e//evil.example/%25zz", "/%2525/%25252f/../%255c",
	"javascript:alert(1)", "data:text/html,x", "//evil.example", "///evil.example", "////evil.example", `/\evil.example`, `\/evil.example`, `\\evil.example`,
	`/\/evil.example`, `//\evil.example`, "/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "\t//evil.example", " //evil.example", "/\x00/evil.example",
	"/\u0085/evil.example", "/\x7f/evil.example", "/.//evil.example", "/..//evil.example", "/./\\evil.example", "/a/..//evil.example", `/a/../\evil.example`, `/x\..\..//evil.example`,
	"/%2e//evil.example", "/%2E%2e//evil.example", "/a/%2e.//evil.example", "/%252e//evil.example", "/%2f/evil.example", "/%2fevil.example", "/%2Fevil.example", "/%5cevil.example", "/%5C/evil.example",
	"/%252fevil.example", "/%25252fevil.example", "/%255cevil.example", "/a%5c..%5c..", "/%09/evil.example", "/%0d%0aSet-Cookie:a=b", "/a%00", "/%zz", "/%", "/a%2",
	"/a\\b", "/a?b=\\", "/a?b=\n", "/a#\x01", "?a=b", "#a", "*", "/a/./b", "/a/..", "/.", "/..",
	"/" + strings.Repeat("x", maxReturn), "/" + strings.Repeat("é", maxReturn/3),
}

func TestWaysOut(t *testing.T) {
	for _, in := range waysOut {
		if got := ParseReturn(in); got != "/" {
			t.Errorf("%q: %q", in, got)
		}
	}
	for _, in := range [][]string{nil, {"/a", "/a"}, {"/a", ""}} {
		if got := ParseReturn(in...); got != "/" {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// FuzzReturn asks how a browser reads what ParseReturn gives: by the URL
// standard's algorithm, as it is, and after decoders on the way had it once or twice.
func FuzzReturn(f *testing.F) {
	for _, s := range waysOut {
		f.Add(s)
	}
	for _, s := range []string{"/", "/a?b=c#d", "/商品?q=a b", "/a<b>", "/\xff", "/a//b", "/%25", "/%c2%85", "/a;b", "/\u2028"} {
		f.Add(s)
	}
	parser := whatwg.NewParser()
	f.Fuzz(func(t *testing.T, in string) {
		got := ParseReturn(in)
		if again := ParseReturn(got); again != got {
			t.Fatalf("%q: %q, and again %q", in, got, again)
		}
		if len(got) > maxReturn || len(in) > maxReturn && got != "/" {
			t.Fatalf("%q: too long", in)
		}
		for i := range len(got) {
			if got[i] <= ' ' || got[i] >= 0x7f || got[i] == '\\' {
				t.Fatalf("%q: %q holds %q", in, got, got[i])
			}
		}
		path, _, _ := strings.Cut(got, "?")
		path, _, _ = strings.Cut(path, "#")
		for range 3 {
			for _, base := range []string{"https://app.example.com/wechat/callback?code=x", "http://localhost:8080/wechat/callback"} {
				at, err := parser.Parse(base)
				if err != nil {
					t.Fatal(err)
				}
				u, err := at.Parse(path)
				if err != nil || u.Host() != at.Host() || u.Protocol() != at.Protocol() {
					t.Fatalf("%q: %q leads a browser to %v, %v", in, path, u, err)
				}
				// The path alone, as scripts and servers hand it on.
				u, err = at.Parse(u.Pathname())
				if err != nil || u.Host() != at.Host() || u.Protocol() != at.Protocol() {
					t.Fatalf("%q: path of %q leads a browser to %v, %v", in, path, u, err)
				}
			}
			next, err := neturl.PathUnescape(path)
			if err != nil {
				return
			}
			path = next
		}
	})
}
