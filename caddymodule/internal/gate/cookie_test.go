package gate

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const testCookie = "__Host-sid"

func TestCookieName(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"sid", "__Host-sid"},
		{"__Host-sid", "__Host-sid"},
		{"__Secure-sid", "__Host-__Secure-sid"},
		{"__host-sid", "__Host-__host-sid"}, // browsers take any case, Go and we do not
		{"a.b_c-d", "__Host-a.b_c-d"},
	} {
		if got, err := CookieName(tt.name); err != nil || got != tt.want {
			t.Errorf("CookieName(%q) = %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
	for _, name := range []string{"", "__Host-", "a b", "a=b", "a;b", "a,b", "a\r\nb", "a\x00", "é", `"a"`, "a/b", "{a}"} {
		if got, err := CookieName(name); err == nil {
			t.Errorf("CookieName(%q) = %q; want an error", name, got)
		}
	}
}

func TestSessionCookie(t *testing.T) {
	for _, tt := range []struct {
		token    string
		lifetime time.Duration
		want     string
	}{
		{"a.b.c", 90 * time.Second, "__Host-sid=a.b.c; Path=/; Max-Age=90; HttpOnly; Secure; SameSite=Lax"},
		{"", 0, "__Host-sid=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
	} {
		if got := SessionCookie(testCookie, tt.token, tt.lifetime).String(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

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
		{"no equals sign", []string{"__Host-sid; a=1"}, []string{""}, []string{"a=1"}},
		{"equals sign in the value", []string{"__Host-sid=T=="}, []string{"T=="}, nil},
		{"empty pairs", []string{";;__Host-sid=T;;"}, []string{"T"}, []string{";;;"}},
		{"another case", []string{"__host-sid=T; __HOST-SID=U"}, nil, []string{"__host-sid=T; __HOST-SID=U"}},
		{"longer name", []string{"__Host-sid2=T; x__Host-sid=U"}, nil, []string{"__Host-sid2=T; x__Host-sid=U"}},
		{"name in a value", []string{"a=__Host-sid=T; b=2"}, nil, []string{"a=__Host-sid=T; b=2"}},
		{"other encoding left alone", []string{"a=\xff\xfe %3b; __Host-sid=T"}, []string{"T"}, []string{"a=\xff\xfe %3b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{Header: make(http.Header)}
			if tt.lines != nil {
				r.Header["Cookie"] = slices.Clone(tt.lines)
			}
			given := r.Header["Cookie"]
			if got := cookieValues(nil, r.Header, testCookie); !slices.Equal(got, tt.values) {
				t.Errorf("values %q; want %q", got, tt.values)
			}
			removeCookie(r.Header, testCookie)
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

// Whatever is found is removed, and nothing else is, for any header that a
// client may think of: what stays could be logged by the backend, or be taken
// there for a session of its own.
func TestRemoveCookieLeavesNoSession(t *testing.T) {
	parts := []string{testCookie, "a", "=", "=", ";", ";", " ", "\t", `"`, "T", "__Host-", "sid", ",", "\u00a0", "\xa0"}
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
					if n, _, _ := strings.Cut(pair, "="); strings.TrimSpace(n) != testCookie && strings.TrimSpace(pair) != "" {
						pairs = append(pairs, strings.TrimSpace(pair))
					}
				}
			}
			return pairs
		}
		want := others()
		removeCookie(r.Header, testCookie)
		if values := cookieValues(nil, r.Header, testCookie); len(values) > 0 {
			t.Fatalf("of %q, %q is left with %q", given, r.Header["Cookie"], values)
		}
		// what Go's own parser, as an example of a backend's, makes of the rest
		if c, err := r.Cookie(testCookie); err == nil {
			t.Fatalf("of %q, a backend still reads %q", given, c.String())
		}
		if got := others(); !slices.Equal(got, want) {
			t.Fatalf("of %q, %q is left; want %q", given, got, want)
		}
	}
}
