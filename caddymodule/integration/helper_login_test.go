// helper_login_test.go: what the tests of endpoints, tokens and sessions share
// beside the harness: calls of the endpoints, and verdicts over their answers.

package integration

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

// inMemory is the store of these tests: what is said about other stores is said
// in their own packages. All clients of a test have one address, and log in more
// often than a crowd.
const inMemory = "store memory\nlogin_rate off\n"

// freshKeys is a WeChat that makes a new session key at each login, and asks no
// quota of a test.
func freshKeys() wechattest.Options {
	return wechattest.Options{
		SessionKeyMinRefresh: -1,
		Quotas:               wechattest.Quotas{Code2SessionPerMinute: -1, ForceRefreshGap: time.Nanosecond, ForceRefreshPerDay: -1},
	}
}

// members is the JSON object of a request or an answer.
type members map[string]any

// post is a call of an endpoint with a JSON body.
func post(target, token string, body any) call {
	text, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		text = string(b)
	}
	return call{Method: "POST", Target: target, Token: token, Body: text, Header: header("Content-Type", "application/json")}
}

// loginWith is a login with a code of any origin.
func loginWith(code string) call { return post("/wechat/login", "", members{"code": code}) }

// object reads an answer's JSON object.
func object(t *testing.T, got reply) members {
	t.Helper()
	var m members
	if err := json.Unmarshal([]byte(got.Body), &m); err != nil {
		t.Fatalf("the answer is no JSON object: %d, %d bytes", got.Status, len(got.Body))
	}
	return m
}

// requireMembers fails unless an object has exactly these members.
func requireMembers(t *testing.T, m members, names ...string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(m))
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Errorf("members %q; want %q", got, names)
	}
}

// requireProblem fails, and ends the test, unless an answer is an error of the
// gateway in the form of the contract.
func requireProblem(t *testing.T, got reply, status int, code string) members {
	t.Helper()
	requireStatus(t, got, status)
	m := object(t, got)
	names := []string{"error", "error_description"}
	if _, ok := m["errcode"]; ok {
		names = append(names, "errcode")
	}
	requireMembers(t, m, names...)
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

// requireCalls fails unless WeChat was asked so many times for a path.
func requireCalls(t *testing.T, gw *gateway, path string, want int) {
	t.Helper()
	if got := gw.sim.CountCalls(path); got != want {
		t.Errorf("WeChat was asked %d times for %s; want %d", got, path, want)
	}
}

// fault makes the next calls of a WeChat path go wrong.
func fault(t *testing.T, gw *gateway, f wechattest.Fault) {
	t.Helper()
	if err := gw.sim.Fault(f); err != nil {
		t.Fatal(err)
	}
}

// reload puts a configuration in force, or ends the test, and returns when the
// servers of the one before have stopped taking connections: Caddy lets them do
// that in the background, and what they take last gets no answer.
func reload(t *testing.T, gw *gateway, s setup) {
	t.Helper()
	old := []net.Conn{idle(t, gw.h1.Addr, nil), idle(t, gw.h2.Addr, gw.clientTLS())}
	if err := gw.load(s); err != nil {
		t.Fatalf("reloading: %v", err)
	}
	for _, conn := range old {
		// idle connections are closed after the listeners are
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Fatalf("waiting for the old server to close a connection: %v", err)
		}
		conn.Close()
	}
	gw.hangUp()
}

// hangUp closes the clients' idle connections: a POST on one that the server has
// just closed would get no answer.
func (gw *gateway) hangUp() {
	for _, c := range []*client{gw.h1, gw.h2, gw.h2c} {
		c.transport.(*http.Transport).CloseIdleConnections()
	}
}

// idle opens a connection to a server that has answered one request on it.
func idle(t *testing.T, addr string, overTLS *tls.Config) net.Conn {
	t.Helper()
	raw := dialRaw(t, addr)
	if overTLS != nil {
		conn := tls.Client(raw.Conn, overTLS)
		raw = &rawConn{conn, bufio.NewReader(conn)}
	}
	raw.send(t, crlf("GET /wechat/nothing HTTP/1.1\nHost: "+addr+"\n\n"))
	requireStatus(t, raw.read(t, "GET"), 404)
	return raw.Conn
}

// warm opens a connection of each client, for many calls at once to share.
func (gw *gateway) warm(t *testing.T) {
	t.Helper()
	for _, c := range gw.clients() {
		requireStatus(t, c.do(t, call{Target: "/wechat/nothing"}), 404)
	}
}

// parallel runs f n times at once and returns when all are done.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// outcomes counts what became of many calls.
type outcomes struct {
	mu    sync.Mutex
	count map[string]int
}

// add counts an answer by its status and error, or a call that got none.
func (o *outcomes) add(got reply, err error) {
	name := "no answer"
	if err == nil {
		var m struct{ Error string }
		_ = json.Unmarshal([]byte(got.Body), &m)
		name = strings.TrimSpace(fmt.Sprint(got.Status, " ", m.Error))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.count == nil {
		o.count = make(map[string]int)
	}
	o.count[name]++
}

// require fails unless exactly these outcomes were counted.
func (o *outcomes) require(t *testing.T, want map[string]int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !maps.Equal(o.count, want) {
		t.Errorf("outcomes %v; want %v", o.count, want)
	}
}

// alive reports whether a token opens the gate. Anything but a pass or the
// gate's refusal fails the test.
func alive(t *testing.T, gw *gateway, token string) bool {
	t.Helper()
	got := gw.h1.do(t, call{Target: "/alive", Token: token})
	if got.Status == http.StatusOK {
		return true
	}
	requireRefused(t, got)
	return false
}

// sessionOf asks for the session of a token.
func sessionOf(t *testing.T, gw *gateway, token string) members {
	t.Helper()
	got := gw.h1.do(t, call{Target: "/wechat/session", Token: token})
	requireStatus(t, got, 200)
	return object(t, got)
}

// user names a made-up person.
func user(i int) string { return fmt.Sprintf("oUser%023d", i) }

// sealed encrypts a plaintext as the phone of a user of appA would.
func sealed(t *testing.T, gw *gateway, openid, plaintext string) members {
	t.Helper()
	data, iv, err := gw.sim.Encrypt(appA, openid, []byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	return members{"encryptedData": data, "iv": iv}
}

// marked is open data about nobody in particular, with its watermark.
func marked(text string, when time.Time) string {
	return fmt.Sprintf(`{"text":%q,"watermark":{"timestamp":%d,"appid":%q}}`, text, when.Unix(), appA)
}

// startAdmin runs a gateway whose admin endpoint listens.
func startAdmin(t *testing.T, s setup) *gateway {
	t.Helper()
	s.Admin = true
	return start(t, s)
}
