// repeat_test.go: a message is sent once, and once more only when WeChat said that it
// did nothing.

package relay

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

// rawServer answers with bytes of the test's choice.
type rawServer struct {
	net.Listener
	requests atomic.Int64
	wg       sync.WaitGroup
}

// rawWeChat serves each connection with talk, once for each whole request on it; n
// counts them from 0. It hangs up when talk says false.
func rawWeChat(t testing.TB, talk func(conn net.Conn, n int) bool) *rawServer {
	return rawWeChatReading(t, func(conn net.Conn, n int, _ *http.Request, _ string) bool { return talk(conn, n) })
}

func rawWeChatReading(t testing.TB, talk func(conn net.Conn, n int, r *http.Request, body string) bool) *rawServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rawServer{Listener: l}
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[conn] = true
			mu.Unlock()
			s.wg.Go(func() {
				defer func() {
					_ = conn.Close()
					mu.Lock()
					delete(conns, conn)
					mu.Unlock()
				}()
				in := bufio.NewReader(conn)
				for n := 0; ; n++ {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					body, err := io.ReadAll(r.Body)
					if err != nil {
						return
					}
					s.requests.Add(1)
					if !talk(conn, n, r, string(body)) {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		s.wg.Wait()
	})
	return s
}

func (s *rawServer) url() string { return "http://" + s.Addr().String() }

// net/http repeats by itself what it takes for harmless when a kept-alive connection
// dies under it: a GET, and whatever carries an Idempotency-Key. Here each call dies
// on a connection that served one before.
func TestNothingIsRepeatedSilently(t *testing.T) {
	for name, ask := range map[string]func(w *world) answer{
		"GET": func(w *world) answer {
			return w.ask(t, "GET", "/wxa/x", "", "Idempotency-Key", "k", "X-Idempotency-Key", "k")
		},
		"GET with a body": func(w *world) answer { return w.ask(t, "GET", "/wxa/x", "m", "Idempotency-Key", "k") },
		"POST":            func(w *world) answer { return w.ask(t, "POST", "/wxa/x", "m", "Idempotency-Key", "k") },
		"POST, empty":     func(w *world) answer { return w.ask(t, "POST", "/wxa/x", "", "Idempotency-Key", "k") },
		"POST, chunked":   func(w *world) answer { return w.upload(t, zeros(1000), -1) },
		"POST, long":      func(w *world) answer { return w.upload(t, zeros(maxKept+1), maxKept+1) },
	} {
		for _, cut := range []string{"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"} {
			up := rawWeChat(t, func(conn net.Conn, n int) bool {
				if n == 0 {
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
					return true
				}
				_, _ = io.WriteString(conn, cut)
				return false
			})
			w := startAt(t, up.url())
			w.ask(t, "GET", "/wxa/warm", "").want(t, 200, "{}")
			ask(w).want(t, 503, "whether it got the call is not known")
			if got := up.requests.Load(); got != 2 {
				t.Errorf("%s, cut after %q: %d requests, want the first and one", name, cut, got)
			}
		}
	}
}

// When WeChat says that the token is dead, one call renews it and each is repeated once.
func TestDeadTokenIsRenewed(t *testing.T) {
	for _, errcode := range []int{40001, 40014, 42001} {
		var sent atomic.Int32
		w := start(t, func(w http.ResponseWriter, r *http.Request) {
			sent.Add(1)
			body, _ := io.ReadAll(r.Body)
			if r.URL.Query().Get("access_token") == "T0" {
				_, _ = fmt.Fprintf(w, `{"errcode":%d,"errmsg":"invalid credential"}`, errcode)
				return
			}
			_, _ = fmt.Fprintf(w, `{"errcode":0,"got":%q,"query":%q}`, body, r.URL.RawQuery)
		})
		w.ask(t, "POST", "/wxa/x?a=1", "message").want(t, 200, `{"errcode":0,"got":"message","query":"access_token=T1&a=1"}`)
		w.ask(t, "GET", "/wxa/x", "").want(t, 200, `"errcode":0`)
		if sent.Load() != 3 || w.tokens.renewed != 1 {
			t.Errorf("%d: sent %d times, renewed %d times; want 3, 1", errcode, sent.Load(), w.tokens.renewed)
		}
	}
}

func TestWhatIsNotRepeated(t *testing.T) {
	dead := `{"errcode":40001,"errmsg":"invalid credential, rid: 1-2-3"}`
	for _, tt := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		body   int64
		sent   int32
		renew  int
		part   string
	}{
		{"still dead", func(w http.ResponseWriter) { _, _ = io.WriteString(w, dead) }, 1, 2, 1, dead},
		{"1 MiB", func(w http.ResponseWriter) { _, _ = io.WriteString(w, dead) }, maxKept, 2, 1, dead},
		{"more than 1 MiB", func(w http.ResponseWriter) { _, _ = io.WriteString(w, dead) }, maxKept + 1, 1, 1, dead},
		{"busy", func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"errcode":-1}`) }, 1, 1, 0, `{"errcode":-1}`},
		{"quota", func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"errcode":45009}`) }, 1, 1, 0, `45009`},
		{"no token", func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"errcode":41001}`) }, 1, 1, 0, `41001`},
		{"HTTP 500", func(w http.ResponseWriter) { w.WriteHeader(500); _, _ = io.WriteString(w, dead) }, 1, 1, 0, dead},
		{"deeper down", func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"a":{"errcode":40001}}`) }, 1, 1, 0, `{"a"`},
		{"in a text", func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"a":"\"errcode\":40001","errcode":0}`) }, 1, 1, 0, `{"a"`},
		{"a string", func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"errcode":"40001"}`) }, 1, 1, 0, `"40001"`},
		{"no object", func(w http.ResponseWriter) { _, _ = io.WriteString(w, `["errcode",40001]`) }, 1, 1, 0, `[`},
		{"behind 4 KiB", func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, `{"a":"`+strings.Repeat("x", peeked)+`","errcode":40001}`)
		}, 1, 1, 0, `40001`},
	} {
		var sent atomic.Int32
		w := start(t, func(w http.ResponseWriter, r *http.Request) {
			sent.Add(1)
			_, _ = io.Copy(io.Discard, r.Body)
			tt.answer(w)
		})
		a := w.upload(t, zeros(tt.body), tt.body)
		if !strings.Contains(a.body, tt.part) || a.err != nil || sent.Load() != tt.sent || w.tokens.renewed != tt.renew {
			t.Errorf("%s: %d %.80s %v, sent %d times, renewed %d times; want %d, %d", tt.name, a.status, a.body, a.err, sent.Load(), w.tokens.renewed, tt.sent, tt.renew)
		}
	}
	// With no other token to be had, WeChat's own word comes down.
	var sent atomic.Int32
	w := start(t, func(w http.ResponseWriter, r *http.Request) {
		sent.Add(1)
		_, _ = io.WriteString(w, dead)
	}, func(o *Options) { o.Tokens = stuck{} })
	w.ask(t, "POST", "/wxa/x", "m").want(t, 200, dead)
	if sent.Load() != 1 {
		t.Errorf("sent %d times with one token", sent.Load())
	}
}

// stuck has one token and no other.
type stuck struct{}

func (stuck) Token(context.Context, weixin.App, *weixin.Observer) (string, error) { return "T0", nil }
func (stuck) Renew(context.Context, weixin.App, string, *weixin.Observer) (string, error) {
	return "", &weixin.Error{Kind: weixin.KindBadToken}
}

// Thousands of messages while tokens die and connections drop at every byte of the
// answer: none is sent twice, and none is lost without an error.
func TestNoMessageTwiceNoneLost(t *testing.T) {
	const callers, each = 16, 250
	var mu sync.Mutex
	accepted := map[string]int{} // by message: how often WeChat did it
	valid := 0                   // the version of the token that WeChat takes
	answered := 0
	up := rawWeChatReading(t, func(conn net.Conn, n int, r *http.Request, body string) bool {
		mu.Lock()
		if answered++; answered%97 == 0 {
			valid++ // the token dies
		}
		good := r.URL.Query().Get("access_token") == fmt.Sprintf("T%d", valid)
		text := `{"errcode":42001,"errmsg":"access_token expired"}`
		if good {
			accepted[body]++
			text = `{"errcode":0,"errmsg":"ok"}`
		}
		cut := -1
		text = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
		if rand.IntN(3) == 0 {
			cut = answered % (len(text) + 1)
		}
		mu.Unlock()
		if cut >= 0 {
			_, _ = io.WriteString(conn, text[:cut])
			return false
		}
		_, _ = io.WriteString(conn, text)
		return true
	})
	w := startAt(t, up.url())
	var sent, failed, done, expired atomic.Int64
	results := make([]string, callers*each)
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("message %d", caller*each+i)
				method, target, body := "POST", "/cgi-bin/message/subscribe/send", id
				if i%5 == 0 {
					method = "GET" // which net/http would be glad to repeat
				}
				a := w.ask(t, method, target, body, "Idempotency-Key", id)
				sent.Add(1)
				switch {
				case a.err == nil && a.status == 200 && strings.Contains(a.body, `"errcode":0`):
					results[caller*each+i] = "done"
					done.Add(1)
				case a.err == nil && a.status == 200 && strings.Contains(a.body, "42001"):
					results[caller*each+i] = "expired"
					expired.Add(1)
				case a.err == nil && (a.status == 503 || a.status == 502) && strings.Contains(a.body, "not known"):
					results[caller*each+i] = "failed"
					failed.Add(1)
				default:
					t.Errorf("%s: %d %s %v", id, a.status, a.body, a.err)
				}
			}
		})
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	for i, result := range results {
		n := accepted[fmt.Sprintf("message %d", i)]
		switch {
		case n > 1:
			t.Errorf("message %d was sent %d times", i, n)
		case result == "done" && n != 1:
			t.Errorf("message %d was lost, and its caller told that it was sent", i)
		case result == "expired" && n != 0:
			t.Errorf("message %d was sent, and its caller told that it was refused", i)
		}
	}
	t.Logf("%d messages: %d done, %d failed, %d refused; %d requests, %d tokens died, %d renewals", sent.Load(), done.Load(), failed.Load(), expired.Load(), up.requests.Load(), valid, w.tokens.renewed)
	if done.Load() < callers*each/4 || failed.Load() == 0 || w.tokens.renewed == 0 {
		t.Error("the test tried nothing")
	}
}

var _ Tokens = (*weixin.TokenSource)(nil)
