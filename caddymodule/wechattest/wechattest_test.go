// wechattest_test.go: the tools of the tests: a clock, a client that knows HTTP and nothing else, an own decrypt.

package wechattest_test

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

const (
	appA, secretA = "wx00000000000000aa", "secret-a"
	appB, secretB = "wx00000000000000bb", "secret-b"
	alice         = "oAlice0000000000000000000000"
	bob           = "oBob000000000000000000000000"
)

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a simulator with two apps behind a real listener, and a hand on its clock.
type world struct {
	*wechattest.Server
	t     *testing.T
	url   string
	clock *clock
}

func newWorld(t *testing.T, opts wechattest.Options) world {
	t.Helper()
	c := &clock{now: time.Unix(1_700_000_000, 0)}
	opts.Now = c.Now
	if opts.Apps == nil {
		opts.Apps = map[string]string{appA: secretA, appB: secretB}
	}
	sim := wechattest.New(opts)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	return world{sim, t, server.URL, c}
}

func (w world) do(method, path string, query url.Values, body string) (*http.Response, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path+"?"+query.Encode(), strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response, string(text)
}

// ask makes a WeChat call and checks the form every answer of WeChat has.
func (w world) ask(method, path string, query url.Values, body string) map[string]any {
	w.t.Helper()
	response, text := w.do(method, path, query, body)
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/plain" {
		w.t.Fatalf("%s: status %d, type %q; want 200 text/plain", path, response.StatusCode, response.Header.Get("Content-Type"))
	}
	return object(w.t, text)
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("answer %q: %v", text, err)
	}
	return m
}

func exchangeQuery(appid, secret, code string) url.Values {
	return url.Values{"appid": {appid}, "secret": {secret}, "js_code": {code}, "grant_type": {"authorization_code"}}
}

func (w world) exchange(appid, secret, code string) map[string]any {
	w.t.Helper()
	return w.ask("GET", wechattest.PathCode2Session, exchangeQuery(appid, secret, code), "")
}

func (w world) stable(appid, secret, more string) map[string]any {
	w.t.Helper()
	return w.ask("POST", wechattest.PathStableToken, nil,
		`{"grant_type":"client_credential","appid":"`+appid+`","secret":"`+secret+`"`+more+`}`)
}

func (w world) plain(appid, secret string) map[string]any {
	w.t.Helper()
	return w.ask("GET", wechattest.PathToken, url.Values{"grant_type": {"client_credential"}, "appid": {appid}, "secret": {secret}}, "")
}

var ridForm = regexp.MustCompile(`, rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$`)

// wantErr checks a refusal: its code, and an errmsg that ends in a rid.
func wantErr(t *testing.T, got map[string]any, errcode int) {
	t.Helper()
	if got["errcode"] != float64(errcode) {
		t.Fatalf("answer %v; want errcode %d", got, errcode)
	}
	if errmsg, _ := got["errmsg"].(string); !ridForm.MatchString(errmsg) {
		t.Fatalf("errmsg %q has no rid", errmsg)
	}
	if len(got) != 2 {
		t.Fatalf("refusal %v has more than errcode and errmsg", got)
	}
}

func wantOK(t *testing.T, got map[string]any) {
	t.Helper()
	if errcode, ok := got["errcode"]; ok && errcode != float64(0) {
		t.Fatalf("refused: %v", got)
	}
}

func text(t *testing.T, m map[string]any, name string) string {
	t.Helper()
	s, _ := m[name].(string)
	if s == "" {
		t.Fatalf("%v has no text %q", m, name)
	}
	return s
}

// open is the reader's side of encryptedData, written from the page alone and checked against the vectors.
func open(t *testing.T, sessionKey, encryptedData, iv string) string {
	t.Helper()
	var raw [3][]byte
	for i, s := range []string{sessionKey, encryptedData, iv} {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		raw[i] = b
	}
	block, err := aes.NewCipher(raw[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(raw[0]) != 16 || len(raw[1]) == 0 || len(raw[1])%16 != 0 {
		t.Fatalf("key of %d bytes, ciphertext of %d", len(raw[0]), len(raw[1]))
	}
	cipher.NewCBCDecrypter(block, raw[2]).CryptBlocks(raw[1], raw[1])
	pad := int(raw[1][len(raw[1])-1])
	if pad < 1 || pad > 16 || strings.Trim(string(raw[1][len(raw[1])-pad:]), string(rune(pad))) != "" {
		t.Fatalf("padding of %d is wrong", pad)
	}
	return string(raw[1][:len(raw[1])-pad])
}
