// vectors_test.go: the pushes that WeChat's documentation shows, to a running gateway
// that lives on their day.

package wechatpush_test

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechatpush"
)

// today is the clock of http.handlers.wechat_push_of_then.
var today atomic.Pointer[time.Time]

type ofThen struct{}

func (ofThen) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.wechat_push_of_then", New: func() caddy.Module {
		return wechatpush.NewAt(func() time.Time { return *today.Load() })
	}}
}

func init() { caddy.RegisterModule(ofThen{}) }

type vector struct {
	Name, Token, Timestamp, Nonce, Echostr, Signature            string
	Parts                                                        []string
	EncodingAESKey, Encrypt, Random, Plaintext, Receiver, Expect string
}

func TestOfficialVectors(t *testing.T) {
	text, err := os.ReadFile("../internal/message/testdata/official.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(text, &list); err != nil || len(list) != 6 {
		t.Fatalf("%d vectors, %v", len(list), err)
	}
	vectors := make(map[string]vector)
	for _, v := range list {
		vectors[v.Name] = v
	}
	secure, reply := vectors["official-push-secure-body"], vectors["official-push-secure-reply"]

	var got []string
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Header.Get("X-WeChat-Push")+" "+r.Header.Get("X-WeChat-AppID")+" "+r.URL.RequestURI()+" "+string(body))
		if r.URL.Path == "/secure" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, reply.Plaintext)
		}
	}))
	t.Cleanup(backend.Close)
	const plainApp = gatewaytest.AppID
	run(t, strings.TrimPrefix(backend.URL, "http://"), []any{
		gatewaytest.Object{"appid": plainApp, "secret": gatewaytest.AppSecret, "push": gatewaytest.Object{"token": "AAAAA"}},
		gatewaytest.Object{"appid": secure.Receiver, "secret": gatewaytest.AppSecret, "push": gatewaytest.Object{"token": "AAAAA", "aes_key": secure.EncodingAESKey}},
	}, map[string]string{"/plain": plainApp, "/secure": secure.Receiver})

	v := vectors["official-push-url-check"]
	for _, path := range []string{"/plain", "/secure"} {
		query := url.Values{"signature": {v.Signature}, "timestamp": {v.Timestamp}, "nonce": {v.Nonce}, "echostr": {v.Echostr}}
		if status, body := ask(t, "GET", path, query, "", v.Timestamp); status != 200 || body != v.Echostr {
			t.Errorf("the set-up at %s: %d %s", path, status, body)
		}
	}
	if len(got) > 0 {
		t.Errorf("the set-up reached the backend: %q", got)
	}

	v = vectors["official-push-plain"]
	plain := `{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714037059,"MsgType":"event","Event":"debug_demo","debug_str":"hello world"}`
	query := url.Values{"signature": {v.Signature}, "timestamp": {v.Timestamp}, "nonce": {v.Nonce}, "openid": {"o9AgO5Kd5ggOC-bXrbNODIiE3bGY"}}
	status, body := ask(t, "POST", "/plain", query, plain, v.Timestamp)
	if want := []string{"event/debug_demo " + plainApp + " /plain " + plain}; status != 200 || body != "success" || !slices.Equal(got, want) {
		t.Errorf("in the clear: %d %s, the backend got %q, want %q", status, body, got, want)
	}

	got = nil
	v = vectors["official-push-secure-msg_signature"]
	query = url.Values{"encrypt_type": {"aes"}, "msg_signature": {v.Signature}, "timestamp": {v.Parts[1]}, "nonce": {v.Parts[2]}}
	status, body = ask(t, "POST", "/secure", query, `{"ToUserName":"gh_97417a04a28d","Encrypt":"`+v.Parts[3]+`"}`, v.Parts[1])
	if want := []string{"event/debug_demo " + secure.Receiver + " /secure " + secure.Plaintext}; status != 200 || !slices.Equal(got, want) {
		t.Fatalf("encrypted: %d %s, the backend got %q, want %q", status, body, got, want)
	}
	// the reply is of another random text and time than the published one; the arithmetic
	// that reads it here is held to that one first
	published := vectors["official-push-reply-msg_signature"]
	if s := sha1Of(published.Parts); s != published.Signature || open(t, reply.EncodingAESKey, reply.Encrypt, reply.Receiver) != reply.Plaintext {
		t.Fatalf("the published reply: %s", s)
	}
	var sealed struct {
		Encrypt, MsgSignature, Nonce string
		TimeStamp                    json.Number
	}
	if err := json.Unmarshal([]byte(body), &sealed); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if sealed.Nonce != v.Parts[2] || sealed.TimeStamp.String() != v.Parts[1] || open(t, secure.EncodingAESKey, sealed.Encrypt, secure.Receiver) != reply.Plaintext ||
		sealed.MsgSignature != sha1Of([]string{"AAAAA", v.Parts[1], v.Parts[2], sealed.Encrypt}) {
		t.Errorf("the reply: %s", body)
	}

	// eleven minutes later, and with one thing changed, each of them is nothing
	got = nil
	seconds, _ := strconv.ParseInt(v.Parts[1], 10, 64)
	if status, _ := ask(t, "POST", "/secure", query, `{"Encrypt":"`+v.Parts[3]+`"}`, strconv.FormatInt(seconds+660, 10)); status != 403 {
		t.Errorf("eleven minutes later: %d", status)
	}
	for name := range query {
		changed := make(url.Values)
		for n := range query {
			changed[n] = slices.Clone(query[n])
		}
		changed[name][0] = "1" + changed[name][0][1:]
		if changed[name][0] == query[name][0] {
			changed[name][0] = "2" + changed[name][0][1:]
		}
		if status, _ := ask(t, "POST", "/secure", changed, `{"Encrypt":"`+v.Parts[3]+`"}`, v.Parts[1]); status != 403 {
			t.Errorf("%s changed: %d", name, status)
		}
	}
	if status, _ := ask(t, "POST", "/plain", query, `{"Encrypt":"`+v.Parts[3]+`"}`, v.Parts[1]); status != 403 || len(got) > 0 {
		t.Errorf("at another app: %d, the backend got %q", status, got)
	}
}

var site string // host:port

// run runs Caddy with a push handler of then for each path.
func run(t *testing.T, upstream string, apps []any, paths map[string]string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	site = l.Addr().String()
	l.Close()
	var routes []any
	for path, appid := range paths {
		routes = append(routes, gatewaytest.Object{
			"match": []any{gatewaytest.Object{"path": []string{path}}},
			"handle": []any{
				gatewaytest.Object{"handler": "wechat_push_of_then", "app": appid},
				gatewaytest.Object{"handler": "reverse_proxy", "upstreams": []any{gatewaytest.Object{"dial": upstream}}},
			},
		})
	}
	err = caddy.Run(gatewaytest.Config(t, gatewaytest.Object{
		"wechat": gatewaytest.App(gatewaytest.Object{"apps": apps, "store": gatewaytest.Object{"store": "memory"}}),
		"http": gatewaytest.Object{"servers": gatewaytest.Object{"push": gatewaytest.Object{
			"listen": []string{site}, "automatic_https": gatewaytest.Object{"disable": true}, "routes": routes,
		}}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
}

// ask sends a request at a time, in Unix seconds.
func ask(t *testing.T, method, path string, query url.Values, body, at string) (status int, answer string) {
	t.Helper()
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	then := time.Unix(seconds, 0)
	today.Store(&then)
	r, err := http.NewRequest(method, "http://"+site+path+"?"+query.Encode(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, cmp.Or(string(text), errText(err))
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func sha1Of(parts []string) string {
	parts = slices.Sorted(slices.Values(parts))
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}

// open decrypts what WeChat's page describes, without mercy for what is wrong.
func open(t *testing.T, aesKey, text, receiver string) string {
	t.Helper()
	key, err1 := base64.StdEncoding.DecodeString(aesKey + "=")
	data, err2 := base64.StdEncoding.DecodeString(text)
	block, err3 := aes.NewCipher(key)
	if err := cmp.Or(err1, err2, err3); err != nil || len(data) == 0 || len(data)%32 != 0 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	cipher.NewCBCDecrypter(block, key[:16]).CryptBlocks(data, data)
	data = data[:len(data)-int(data[len(data)-1])]
	length := int(data[16])<<24 | int(data[17])<<16 | int(data[18])<<8 | int(data[19])
	if string(data[20+length:]) != receiver {
		t.Fatalf("for %q", data[20+length:])
	}
	return string(data[20 : 20+length])
}
