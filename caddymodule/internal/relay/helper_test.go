// helper_test.go: a stand-in for WeChat, tokens that die, and a relay between.

package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

const (
	testKey  = "a-key-of-the-relay-1"
	otherKey = "a-key-of-the-relay-2"
)

var (
	mini     = weixin.App{ID: "wx4f4bc4dec97d474b", Secret: weixin.NewSecret("APPSECRET")}
	official = weixin.App{ID: "wx00000000000000aa", Secret: weixin.NewSecret("APPSECRET2")}
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http reports aborted handlers there
	goleak.VerifyTestMain(m)
}

// tokens are access_tokens of the test's making: T0, T1, … for each app.
type tokens struct {
	mu      sync.Mutex
	version int
	renewed int
	err     error
}

func (s *tokens) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("T%d", s.version)
}

func (s *tokens) Token(_ context.Context, app weixin.App, _ *weixin.Observer) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("T%d", s.version), s.err
}

func (s *tokens) Renew(_ context.Context, app weixin.App, failed string, _ *weixin.Observer) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := fmt.Sprintf("T%d", s.version); now != failed {
		return now, s.err
	}
	s.version++
	s.renewed++
	return fmt.Sprintf("T%d", s.version), s.err
}

// world is a relay before a stand-in, behind a server.
type world struct {
	*Relay
	url    string
	tokens *tokens

	mu      sync.Mutex
	results []Result
}

func (w *world) counted() []Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Result(nil), w.results...)
}

func start(t testing.TB, wechat http.HandlerFunc, options ...func(*Options)) *world {
	t.Helper()
	up := httptest.NewServer(wechat)
	t.Cleanup(up.Close)
	return startAt(t, up.URL, options...)
}

func startAt(t testing.TB, base string, options ...func(*Options)) *world {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{tokens: new(tokens)}
	o := Options{Base: u, Apps: []weixin.App{mini}, Tokens: w.tokens, Keys: []string{testKey, otherKey}, Observe: func(appid string, result Result) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.results = append(w.results, result)
	}}
	for _, set := range options {
		set(&o)
	}
	if w.Relay, err = New(o); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w)
	w.url = server.URL
	t.Cleanup(func() { server.Close(); _ = w.Close() })
	return w
}

// answer is what a caller got.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // the body broke off
}

// ask makes a call with the key unless the header has a credential or "-Authorization".
func (w *world) ask(t testing.TB, method, target, body string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, w.url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	for i := 0; i+1 < len(header); i += 2 {
		if name, drop := strings.CutPrefix(header[i], "-"); drop {
			req.Header.Del(name)
			continue
		}
		if header[i] == "Authorization" {
			req.Header.Del("Authorization")
		}
		req.Header.Add(header[i], header[i+1])
	}
	return do(t, req)
}

func do(t testing.TB, req *http.Request) answer {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text), err}
}

func (a answer) want(t testing.TB, status int, part string) {
	t.Helper()
	if a.status != status || !strings.Contains(a.body, part) || a.err != nil {
		t.Errorf("%d %s (%v), want %d with %q", a.status, a.body, a.err, status, part)
	}
}

// never is a stand-in that must not be asked.
func neverAsked(t testing.TB) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) { t.Errorf("WeChat was asked: %s %s", r.Method, r.URL) }
}

func wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("in vain: " + what)
		}
	}
}

var errTest = errors.New("no token")
