// fuzz_test.go: states, callbacks, cookies and origins from anywhere.

package weblogin

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzState: whatever comes as a callback leads to a named site or nowhere, and
// to its callback only.
func FuzzState(f *testing.F) {
	a, b := origin(f, "https://a.example"), origin(f, "http://localhost:8080")
	sites := NewSites(a, b)
	nonce := strings.Repeat("A", nonceLength)
	for _, q := range []string{"code=x&state=" + nonce + siteTag(a), "state=" + nonce + siteTag(b), "code=%0a&state=" + nonce + siteTag(a), "state=" + nonce + siteTag(origin(f, "https://c.example")), "code=x", ""} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		c, err := ParseCallback(query)
		if err != nil {
			if err != ErrBadCallback || c != (Callback{}) {
				t.Fatalf("%+v, %v", c, err)
			}
			return
		}
		if len(c.State) > 64 || strings.ContainsFunc(c.State, func(r rune) bool { return r >= 0x80 || !isAlphanumeric(byte(r)) }) {
			t.Fatalf("state %q", c.State)
		}
		to, ok := sites.Began(c.State)
		if !ok {
			return
		}
		if !strings.HasSuffix(c.State, siteTag(to)) || to != a && to != b {
			t.Fatalf("%q leads to %q", query, to)
		}
		u, err := url.Parse(c.PassOn(to, "/wechat"))
		if err != nil || u.Scheme+"://"+u.Host != to.String() || u.Path != "/wechat/callback" || u.Query().Get("state") != c.State || u.Query().Get("code") != c.Code || len(u.Query()) > 2 {
			t.Fatalf("%q becomes %v, %v", query, u, err)
		}
	})
}

// FuzzCookie holds the promise against any Cookie header: a login that is found
// is one that was sealed. The sealed one is fixed, so that all processes of a
// fuzzing know it, and the sealer is a stand-in that adds a prefix nobody guesses.
func FuzzCookie(f *testing.F) {
	l, _ := newLogins(f)
	l.Sealer = newSealer(f, "a secret of this fuzzing")
	b, s := &browser{}, site(f)
	login := b.begin(f, l, s, "/a")
	genuine := b.request().Get("Cookie")
	_, value, _ := strings.Cut(genuine, "=")
	f.Add(genuine, login.State)
	f.Add(genuine+"; "+genuine, login.State)
	f.Add("\u00a0"+genuine, login.State)
	f.Add(cookieName(login.State)+"=", login.State)
	f.Add("a=b; ;=;"+genuine, login.State)
	f.Fuzz(func(t *testing.T, line, state string) {
		h := http.Header{"Cookie": {line}}
		got, err := l.Find(t.Context(), s, h, state)
		if err == nil && (got.State != state || !strings.Contains(line, "=") || oneCookie(h, cookieName(state)) == "") {
			t.Fatalf("%q: %+v", line, got)
		}
		if err == nil && state == login.State && oneCookie(h, cookieName(state)) != value {
			t.Fatalf("%q opens", line)
		}
		if err != nil && !errors.Is(err, ErrNoLogin) {
			t.Fatalf("a third answer: %v", err)
		}
		response := http.Header{}
		begun, err := l.Begin(t.Context(), s, h, response, appid, "/")
		if err != nil || begun.Round != 0 || len(response["Set-Cookie"]) > maxOpened+maxLogins+1 {
			t.Fatalf("%+v, %v, %d", begun, err, len(response["Set-Cookie"]))
		}
	})
}

// FuzzSealedText: what is inside a cookie was written by a gateway, but perhaps
// by an older or newer one.
func FuzzSealedText(f *testing.F) {
	l, _ := newLogins(f)
	s := site(f)
	state := strings.Repeat("A", nonceLength) + siteTag(s.Origin)
	f.Add([]byte(`{"s":"` + state + `","a":"wx","r":"/a","b":1800000000000}`))
	f.Add([]byte(`{"s":"` + state + `","b":1800000000000,"e":1800000000001,"p":2,"i":"x"}`))
	f.Add([]byte(`{"s":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 2<<10 {
			return
		}
		name := cookieName(state)
		value, err := l.Sealer.Seal(t.Context(), text, associated(s, name))
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{"Cookie": {name + "=" + base64.RawURLEncoding.EncodeToString(value)}}
		login, err := l.Find(t.Context(), s, h, state)
		if err != nil {
			return
		}
		if login.State != state || login.Return != ParseReturn(login.Return) || login.Phase < Pending || login.Phase > Finished ||
			(login.Phase == Finished) != (login.SessionID != "") || (login.Phase == Pending) != login.Ended.IsZero() {
			t.Fatalf("%s: %+v", text, login)
		}
	})
}

// FuzzOrigin: what a browser sends as Origin is taken in its one form, and what
// an operator may write comes out in it.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"https://a.example", "HTTPS://A.example:443", "http://[::1]:80", "https://例子.中国", "null", "https://a.example:8443", "a://b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if o, ok := parseSent(text); ok && o.String() != text {
			t.Fatalf("%q is taken for %q", text, o)
		}
		o, err := ParseOrigin(text)
		if err != nil {
			return
		}
		again, err := ParseOrigin(o.String())
		if err != nil || again != o {
			t.Fatalf("%q: %q, and again %q, %v", text, o, again, err)
		}
		if sent, ok := parseSent(o.String()); !ok || sent != o {
			t.Fatalf("%q: %q is no origin as sent", text, o)
		}
		if o.scheme == "https" || o.scheme == "http" {
			u, err := url.Parse(o.String())
			if err != nil || u.Host != o.Host() || u.Path != "" || u.User != nil {
				t.Fatalf("%q: %v, %v", text, u, err)
			}
		}
	})
}
