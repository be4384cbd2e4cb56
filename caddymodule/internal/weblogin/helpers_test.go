// helpers_test.go: a browser, a clock and a sealer for tests.

package weblogin

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/seal"
)

const appid = "wx1234567890abcdef"

var start = time.Unix(1_800_000_000, 0)

func origin(t testing.TB, text string) Origin {
	t.Helper()
	o, err := ParseOrigin(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func site(t testing.TB) Site { return Site{origin(t, "https://app.example.com"), "/wechat"} }

func newSealer(t testing.TB, secret string) Sealer {
	t.Helper()
	sum := sha256.Sum256([]byte(secret))
	keys, err := seal.NewKeys(sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return seal.NewFixed(keys)
}

type clock struct{ time.Time }

func (c *clock) now() time.Time          { return c.Time }
func (c *clock) forward(d time.Duration) { c.Time = c.Add(d) }

func newLogins(t testing.TB) (Logins, *clock) {
	c := &clock{start}
	return Logins{Sealer: newSealer(t, "one gateway"), Now: c.now}, c
}

// browser keeps cookies as one does, but never lets them expire: the gateway
// must not rely on that.
type browser struct{ cookies []*http.Cookie }

func (b *browser) take(t testing.TB, response http.Header) {
	t.Helper()
	for _, line := range response["Set-Cookie"] {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		b.cookies = slices.DeleteFunc(b.cookies, func(old *http.Cookie) bool { return old.Name == c.Name })
		if c.MaxAge >= 0 {
			b.cookies = append(b.cookies, c)
		}
	}
}

func (b *browser) request() http.Header {
	var pairs []string
	for _, c := range b.cookies {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	if len(pairs) == 0 {
		return http.Header{}
	}
	return http.Header{"Cookie": {strings.Join(pairs, "; ")}}
}

func (b *browser) begin(t testing.TB, l Logins, s Site, path string) Login {
	t.Helper()
	response := http.Header{}
	login, err := l.Begin(t.Context(), s, b.request(), response, appid, path)
	if err != nil {
		t.Fatal(err)
	}
	b.take(t, response)
	return login
}

func (b *browser) finish(t testing.TB, l Logins, s Site, login Login, session string) {
	t.Helper()
	response := http.Header{}
	if err := l.Finish(t.Context(), s, response, login, session); err != nil {
		t.Fatal(err)
	}
	b.take(t, response)
}

var errDown = errors.New("out of reach")

// downSealer cannot answer.
type downSealer struct{}

func (downSealer) Seal(context.Context, []byte, []byte) ([]byte, error) { return nil, errDown }
func (downSealer) Open(context.Context, []byte, []byte) ([]byte, error) { return nil, errDown }

func (s *countingSealer) Open(ctx context.Context, sealed, associated []byte) ([]byte, error) {
	s.opened++
	return s.Sealer.Open(ctx, sealed, associated)
}
