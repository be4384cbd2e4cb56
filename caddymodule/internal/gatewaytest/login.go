// login.go: what the tests of endpoints, tokens and sessions share
// beside the harness: calls of the endpoints, and verdicts over their answers.

package gatewaytest

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// InMemory is the store of these tests: what is said about other stores is said
// in their own packages. All clients of a test have one address, and log in more
// often than a crowd.
const InMemory = "store memory\nlogin_rate off\n"

// FreshKeys is a WeChat that makes a new session key at each login, and asks no
// quota of a test.
func FreshKeys() wechattest.Options {
	return wechattest.Options{
		SessionKeyMinRefresh: -1,
		Quotas:               wechattest.Quotas{Code2SessionPerMinute: -1, ForceRefreshGap: time.Nanosecond, ForceRefreshPerDay: -1},
	}
}

// Members is the JSON object of a request or an answer.
type Members map[string]any

// Post is a call of an endpoint with a JSON body.
func Post(target, token string, body any) Call {
	text, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		text = string(b)
	}
	return Call{Method: "POST", Target: target, Token: token, Body: text, Header: Header("Content-Type", "application/json")}
}

// LoginWith is a login with a code of any origin.
func LoginWith(code string) Call { return Post("/wechat/login", "", Members{"code": code}) }

// JSON reads an answer's JSON object.
func JSON(t *testing.T, got Reply) Members {
	t.Helper()
	var m Members
	if err := json.Unmarshal([]byte(got.Body), &m); err != nil {
		t.Fatalf("the answer is no JSON object: %d, %d bytes", got.Status, len(got.Body))
	}
	return m
}

// RequireMembers fails unless an object has exactly these members.
func RequireMembers(t *testing.T, m Members, names ...string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(m))
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Errorf("members %q; want %q", got, names)
	}
}

// RequireProblem fails, and ends the test, unless an answer is an error of the
// gateway in the form of the contract.
func RequireProblem(t *testing.T, got Reply, status int, code string) Members {
	t.Helper()
	RequireStatus(t, got, status)
	m := JSON(t, got)
	names := []string{"error", "error_description"}
	if _, ok := m["errcode"]; ok {
		names = append(names, "errcode")
	}
	RequireMembers(t, m, names...)
	if m["error"] != code || m["error_description"] == "" {
		t.Errorf("answer %s; want the error %q and a description", got.Body, code)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Content-Type": "application/json; charset=utf-8", "X-Content-Type-Options": "nosniff",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q; want %q", name, got.Header.Get(name), want)
		}
	}
	return m
}

// RequireCalls fails unless WeChat was asked so many times for a path.
func RequireCalls(t *testing.T, gw *Gateway, path string, want int) {
	t.Helper()
	if got := gw.Sim.CountCalls(path); got != want {
		t.Errorf("WeChat was asked %d times for %s; want %d", got, path, want)
	}
}

// Fault makes the next calls of a WeChat path go wrong.
func Fault(t *testing.T, gw *Gateway, f wechattest.Fault) {
	t.Helper()
	if err := gw.Sim.Fault(f); err != nil {
		t.Fatal(err)
	}
}

// Reload puts a configuration in force, or ends the test, and returns when the
// servers of the one before have stopped taking connections: Caddy lets them do
// that in the background, and what they take last gets no answer.
func Reload(t *testing.T, gw *Gateway, s Setup) {
	t.Helper()
	old := []net.Conn{idle(t, gw.H1.Addr, nil), idle(t, gw.H2.Addr, gw.clientTLS())}
	if err := gw.Load(s); err != nil {
		t.Fatalf("reloading: %v", err)
	}
	for _, conn := range old {
		// idle connections are closed after the listeners are
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Fatalf("waiting for the old server to close a connection: %v", err)
		}
		conn.Close()
	}
	gw.HangUp()
}

// HangUp closes the clients' idle connections: a POST on one that the server has
// just closed would get no answer.
func (gw *Gateway) HangUp() {
	for _, c := range []*Client{gw.H1, gw.H2, gw.H2C} {
		c.transport.(*http.Transport).CloseIdleConnections()
	}
}

// idle opens a connection to a server that has answered one request on it.
func idle(t *testing.T, addr string, overTLS *tls.Config) net.Conn {
	t.Helper()
	raw := DialRaw(t, addr)
	if overTLS != nil {
		conn := tls.Client(raw.Conn, overTLS)
		raw = &RawConn{conn, bufio.NewReader(conn)}
	}
	raw.Send(t, CRLF("GET /wechat/nothing HTTP/1.1\nHost: "+addr+"\n\n"))
	RequireStatus(t, raw.ReadReply(t, "GET"), 404)
	return raw.Conn
}

// Warm opens a connection of each client, for many calls at once to share.
func (gw *Gateway) Warm(t *testing.T) {
	t.Helper()
	for _, c := range gw.Clients() {
		RequireStatus(t, c.Do(t, Call{Target: "/wechat/nothing"}), 404)
	}
}

// Parallel runs f n times at once and returns when all are done.
func Parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// Outcomes counts what became of many calls.
type Outcomes struct {
	mu    sync.Mutex
	Count map[string]int
}

// Add counts an answer by its status and error, or a call that got none.
func (o *Outcomes) Add(got Reply, err error) {
	name := "no answer"
	if err == nil {
		var m struct{ Error string }
		_ = json.Unmarshal([]byte(got.Body), &m)
		name = strings.TrimSpace(fmt.Sprint(got.Status, " ", m.Error))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.Count == nil {
		o.Count = make(map[string]int)
	}
	o.Count[name]++
}

// Require fails unless exactly these outcomes were counted.
func (o *Outcomes) Require(t *testing.T, want map[string]int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !maps.Equal(o.Count, want) {
		t.Errorf("outcomes %v; want %v", o.Count, want)
	}
}

// Alive reports whether a token opens the gate. Anything but a pass or the
// gate's refusal fails the test.
func Alive(t *testing.T, gw *Gateway, token string) bool {
	t.Helper()
	got := gw.H1.Do(t, Call{Target: "/alive", Token: token})
	if got.Status == http.StatusOK {
		return true
	}
	RequireRefused(t, got)
	return false
}

// SessionOf asks for the session of a token.
func SessionOf(t *testing.T, gw *Gateway, token string) Members {
	t.Helper()
	got := gw.H1.Do(t, Call{Target: "/wechat/session", Token: token})
	RequireStatus(t, got, 200)
	return JSON(t, got)
}

// User names a made-up person.
func User(i int) string { return fmt.Sprintf("oUser%023d", i) }

// Sealed encrypts a plaintext as the phone of a user of appA would.
func Sealed(t *testing.T, gw *Gateway, openid, plaintext string) Members {
	t.Helper()
	data, iv, err := gw.Sim.Encrypt(AppA, openid, []byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	return Members{"encryptedData": data, "iv": iv}
}

// Marked is open data about nobody in particular, with its watermark.
func Marked(text string, when time.Time) string {
	return fmt.Sprintf(`{"text":%q,"watermark":{"timestamp":%d,"appid":%q}}`, text, when.Unix(), AppA)
}

// StartAdmin runs a gateway whose admin endpoint listens.
func StartAdmin(t *testing.T, s Setup) *Gateway {
	t.Helper()
	s.Admin = true
	return Start(t, s)
}
