// cookieread_test.go: which cookies are a credential, and which go on.

package gate

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestSessionCookieOnRequest(t *testing.T) {
	tests := []struct {
		name   string
		lines  []string
		values []string // what is found
		left   []string // what goes on to the backend
	}{
		{"none", nil, nil, nil},
		{"alone", []string{"__Host-sid=T"}, []string{"T"}, nil},
		{"others", []string{"a=1; b=2"}, nil, []string{"a=1; b=2"}},
		{"first", []string{"__Host-sid=T; a=1"}, []string{"T"}, []string{"a=1"}},
		{"middle", []string{"a=1; __Host-sid=T; b=2"}, []string{"T"}, []string{"a=1; b=2"}},
		{"last", []string{"a=1; __Host-sid=T"}, []string{"T"}, []string{"a=1"}},
		{"line of its own", []string{"a=1", "__Host-sid=T", "b=2"}, []string{"T"}, []string{"a=1", "b=2"}},
		{"twice", []string{"__Host-sid=T; __Host-sid=U"}, []string{"T", "U"}, nil},
		{"on two lines", []string{"__Host-sid=T; a=1", "b=2; __Host-sid=U"}, []string{"T", "U"}, []string{"a=1", "b=2"}},
		{"no blanks", []string{"a=1;__Host-sid=T;b=2"}, []string{"T"}, []string{"a=1;b=2"}},
		{"many blanks", []string{"  a=1 ;   __Host-sid=T ; b=2"}, []string{"T"}, []string{"a=1 ; b=2"}},
		{"blanks at the equals sign", []string{"__Host-sid = T"}, []string{"T"}, nil},
		{"tab", []string{"a=1;\t__Host-sid=T"}, []string{"T"}, []string{"a=1"}},
		{"quoted", []string{`__Host-sid="T"; a="x;y"`}, []string{"T"}, []string{`a="x;y"`}},
		{"empty value", []string{"__Host-sid=; a=1"}, []string{""}, []string{"a=1"}},
		// a browser sends a cookie without a name so, for which __Host- is no rule
		{"no equals sign", []string{"__Host-sid; a=1"}, nil, []string{"a=1"}},
		{"equals sign in the value", []string{"__Host-sid=T=="}, []string{"T=="}, nil},
		{"empty pairs", []string{";;__Host-sid=T;;"}, []string{"T"}, []string{";;;"}},
		{"one pair of quotes", []string{`__Host-sid=""T""`}, []string{`"T"`}, nil},
		{"half a pair of quotes", []string{`__Host-sid="T`}, []string{`"T`}, nil},
		{"a quote alone", []string{`__Host-sid="`}, []string{`"`}, nil},
		{"blanks within quotes", []string{`__Host-sid=" T "`}, []string{" T "}, nil},
		{"longer name", []string{"__Host-sid2=T; x__Host-sid=U"}, nil, []string{"__Host-sid2=T; x__Host-sid=U"}},
		{"name in a value", []string{"a=__Host-sid=T; b=2"}, nil, []string{"a=__Host-sid=T; b=2"}},
		{"other encoding left alone", []string{"a=\xff\xfe %3b; __Host-sid=T"}, []string{"T"}, []string{"a=\xff\xfe %3b"}},
		{"blanks of others left alone", []string{"\u2003a=1\u2003; __Host-sid=T; b=2\u00a0"}, []string{"T"}, []string{"\u2003a=1\u2003; b=2\u00a0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{Header: make(http.Header)}
			if tt.lines != nil {
				r.Header["Cookie"] = slices.Clone(tt.lines)
			}
			given := r.Header["Cookie"]
			if got := readSessionCookies(r.Header, testCookie).values; !slices.Equal(got, tt.values) {
				t.Errorf("values %q; want %q", got, tt.values)
			}
			removeSessionCookies(r.Header, testCookie)
			if got := r.Header["Cookie"]; !slices.Equal(got, tt.left) {
				t.Errorf("left %q; want %q", got, tt.left)
			}
			if _, ok := r.Header["Cookie"]; ok && tt.left == nil {
				t.Error("an empty Cookie header is left")
			}
			if !slices.Equal(given, tt.lines) {
				t.Error("the lines of the original request were changed in place")
			}
		})
	}
}

// A sibling domain sets a cookie that a reader which trims or folds takes for ours. It
// is no credential, does not contradict the one that is, and does not go on.
func TestLookAlikeCookies(t *testing.T) {
	var names []string
	for _, blank := range []string{
		"\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2003", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000",
		"\u200b", "\ufeff", "\u180e", "\xa0", "\x85", "\v", "\f", "\r", "\n", "\x00", "\x1f", "\x7f", `"`,
	} {
		names = append(names, blank+testCookie, testCookie+blank, blank+" "+testCookie, "\t"+blank+testCookie+blank+" ")
	}
	names = append(names,
		"__host-sid", "__HOST-SID", "..Host-sid", "_.Host-sid", "[_Host-sid", "+_Host-sid", "_ Host-sid",
		"%5F_Host-sid", "__Host%2dsid", "%20__Host-sid", "__Host-sid%20", "%C2%A0__Host-sid", "__Host-%73id",
	)
	for _, name := range names {
		for _, line := range []string{name + "=EVIL", "a=1; " + name + "=EVIL", name + "=EVIL; " + testCookie + "=T", testCookie + "=T;" + name + "=EVIL"} {
			r := &http.Request{Header: http.Header{"Cookie": {line}}}
			found := readSessionCookies(r.Header, testCookie)
			var want []string
			if strings.Contains(line, testCookie+"=T") {
				want = []string{"T"}
			}
			if !slices.Equal(found.values, want) {
				t.Errorf("of %q, the values %q are taken; want %q", line, found.values, want)
			}
			if !found.lookAlikes {
				t.Errorf("of %q, no look-alike is found", line)
			}
			(&Rules{Cookie: testCookie}).Remove(&Credentials{cookies: found}, r.Header)
			if left := strings.Join(r.Header["Cookie"], "|"); left != "" && left != "a=1" {
				t.Errorf("of %q, %q goes on", line, left)
			}
		}
	}
}

// Whatever a lax backend could read as ours is removed, and nothing else is, for any
// header that a client may think of: what stays could be logged by the backend, or be
// taken there for a session of its own.
func TestRemoveCookieLeavesNoSession(t *testing.T) {
	parts := []string{testCookie, "a", "=", "=", ";", ";", " ", "\t", `"`, "T", "__Host-", "sid", ",", "\u00a0", "\xa0", "\u2000", "%20", "%5f"}
	// what Go's strings package takes for blank, as an example of a backend's
	lax := func(pair string) string {
		n, _, _ := strings.Cut(pair, "=")
		return strings.TrimSpace(strings.Trim(strings.TrimSpace(n), "\""))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50_000 {
		r := &http.Request{Header: make(http.Header)}
		for range 1 + rng.IntN(3) {
			var line strings.Builder
			for range rng.IntN(12) {
				line.WriteString(parts[rng.IntN(len(parts))])
			}
			r.Header.Add("Cookie", line.String())
		}
		given := slices.Clone(r.Header["Cookie"])
		others := func() (pairs []string) {
			for _, line := range r.Header["Cookie"] {
				for pair := range strings.SplitSeq(line, ";") {
					if n, _, _ := strings.Cut(pair, "="); !resembles(n, testCookie) && strings.Trim(pair, " \t") != "" {
						pairs = append(pairs, strings.Trim(pair, " \t"))
					}
				}
			}
			return pairs
		}
		want := others()
		removeSessionCookies(r.Header, testCookie)
		for _, line := range r.Header["Cookie"] {
			for pair := range strings.SplitSeq(line, ";") {
				if lax(pair) == testCookie {
					t.Fatalf("of %q, %q is left", given, r.Header["Cookie"])
				}
			}
		}
		// what Go's own parser makes of the rest
		if c, err := r.Cookie(testCookie); err == nil {
			t.Fatalf("of %q, a backend still reads %q", given, c.String())
		}
		if got := others(); !slices.Equal(got, want) {
			t.Fatalf("of %q, %q is left; want %q", given, got, want)
		}
	}
}
