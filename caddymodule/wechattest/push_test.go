// push_test.go: what a developer's server sees of a push, what it may answer, and how often it is asked.

package wechattest_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

const (
	pushToken  = "hushToken"
	pushAESKey = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	jsonText   = `{"ToUserName":"gh_1","FromUserName":"` + alice + `","CreateTime":1700000000,"MsgType":"text","Content":"<hi> & 你好","MsgId":1234567890123456789}`
	xmlText    = `<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[` + alice + `]]></FromUserName><CreateTime>1700000000</CreateTime><MsgType><![CDATA[event]]></MsgType><Event>x</Event></xml>`
)

func signPush(parts ...string) string {
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	return hex.EncodeToString(sum[:])
}

// crypt is the server's own AES, from the page alone: 32 byte key, its first half the vector.
func crypt(t *testing.T) (cipher.Block, []byte) {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(pushAESKey + "=")
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	return block, key[:16]
}

func decryptPush(t *testing.T, encrypted, appid string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil || len(b)%32 != 0 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	block, iv := crypt(t)
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(b, b)
	b = b[16 : len(b)-int(b[len(b)-1])]
	n := binary.BigEndian.Uint32(b)
	if string(b[4+n:]) != appid {
		t.Fatalf("of %q", b[4+n:])
	}
	return string(b[4 : 4+n])
}

func encryptReply(t *testing.T, message, appid string) string {
	t.Helper()
	plain := append([]byte("0123456789abcdef"), binary.BigEndian.AppendUint32(nil, uint32(len(message)))...)
	plain = append(plain, message+appid...)
	pad := 32 - len(plain)%32
	plain = append(plain, strings.Repeat(string(rune(pad)), pad)...)
	block, iv := crypt(t)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(plain)
}

// backend is a developer's server that keeps what it got and answers as it is told, one answer after the other.
type backend struct {
	url     string
	mu      sync.Mutex
	got     []*http.Request
	bodies  []string
	answers []http.HandlerFunc
}

func newBackend(t *testing.T, answers ...http.HandlerFunc) *backend {
	b := &backend{answers: answers}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		b.got, b.bodies = append(b.got, r), append(b.bodies, string(body))
		answer := b.answers[min(len(b.got), len(b.answers))-1]
		b.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); io.WriteString(w, body) }
}

// newPusher is a world whose official app pushes.
func newPusher(t *testing.T, patience time.Duration) world {
	return newKinds(t, wechattest.Options{PushPatience: patience,
		Pushes: map[string]wechattest.PushSecret{official: {Token: pushToken, AESKey: pushAESKey}, appA: {Token: pushToken}}})
}

func TestPushAsTheServerSeesIt(t *testing.T) {
	w := newPusher(t, 5*time.Second)
	for name, test := range map[string]struct {
		push                    wechattest.Push
		clear, encrypted, asXML bool
	}{
		"plain, JSON":      {wechattest.Push{AppID: appA, Message: []byte(jsonText)}, true, false, false},
		"plain, XML":       {wechattest.Push{AppID: official, Message: []byte(xmlText), Mode: "plain"}, true, false, true},
		"secure, JSON":     {wechattest.Push{AppID: official, Message: []byte(jsonText)}, false, true, false},
		"secure, XML":      {wechattest.Push{AppID: official, Message: []byte(xmlText), Mode: "secure"}, false, true, true},
		"compatible, JSON": {wechattest.Push{AppID: official, Message: []byte(jsonText), Mode: "compatible"}, true, true, false},
		"compatible, XML":  {wechattest.Push{AppID: official, Message: []byte(xmlText), Mode: "compatible"}, true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, says(200, "success"))
			test.push.URL = b.url + "/push?from=1"
			result, err := w.Push(t.Context(), test.push)
			if err != nil || !result.Delivered || result.Tries != 1 || result.Status != 200 || result.Body != "success" || result.Reply != "" {
				t.Fatalf("%+v, %v", result, err)
			}
			r, body, q := b.got[0], b.bodies[0], b.got[0].URL.Query()
			if r.Method != "POST" || q.Get("from") != "1" || q.Get("openid") != alice || q.Get("timestamp") != "1700000000" ||
				q.Get("signature") != signPush(pushToken, q.Get("timestamp"), q.Get("nonce")) ||
				r.Header.Get("Content-Type") != map[bool]string{true: "text/xml", false: "application/json"}[test.asXML] {
				t.Fatalf("%s %s %v", r.Method, r.URL, r.Header)
			}
			var read struct {
				XMLName                                           xml.Name `xml:"xml" json:"-"`
				ToUserName, FromUserName, Content, Event, Encrypt string
			}
			if test.asXML {
				err = xml.Unmarshal([]byte(body), &read)
			} else {
				err = json.Unmarshal([]byte(body), &read)
			}
			if err != nil || read.ToUserName != "gh_1" || (read.FromUserName == alice) != test.clear || (read.Encrypt != "") != test.encrypted {
				t.Fatalf("%v: %s", err, body)
			}
			if !test.encrypted {
				if body != string(test.push.Message) || q.Has("encrypt_type") || q.Has("msg_signature") {
					t.Fatalf("%s: %s", r.URL, body)
				}
				return
			}
			if q.Get("encrypt_type") != "aes" || q.Get("msg_signature") != signPush(pushToken, q.Get("timestamp"), q.Get("nonce"), read.Encrypt) {
				t.Fatalf("%s", r.URL)
			}
			if got := decryptPush(t, read.Encrypt, official); got != string(test.push.Message) {
				t.Fatalf("encrypted %s", got)
			}
		})
	}
}

func TestPushReplies(t *testing.T) {
	w := newPusher(t, time.Second)
	sealed := func(message, appid string) string {
		e := encryptReply(t, message, appid)
		return `{"Encrypt":"` + e + `","MsgSignature":"` + signPush(pushToken, "1700000000", "77", e) + `","TimeStamp":1700000000,"Nonce":"77"}`
	}
	sealedXML := func(message string) string {
		e := encryptReply(t, message, official)
		return `<xml><Encrypt><![CDATA[` + e + `]]></Encrypt><MsgSignature>` + signPush(pushToken, "5", "77", e) + `</MsgSignature><TimeStamp>5</TimeStamp><Nonce>77</Nonce></xml>`
	}
	good := sealed(`{"a":1}`, official)
	var group sync.WaitGroup
	for name, test := range map[string]struct {
		mode, message string
		status        int
		answer        string
		reply         string
		problem       string // "": delivered
	}{
		"empty":                {"secure", jsonText, 200, "", "", ""},
		"no content":           {"secure", jsonText, 204, "", "", ""},
		"sealed":               {"secure", jsonText, 200, good, `{"a":1}`, ""},
		"time as text":         {"secure", jsonText, 200, strings.Replace(good, "1700000000,", `"1700000000",`, 1), `{"a":1}`, ""},
		"sealed XML":           {"secure", xmlText, 200, sealedXML(xmlText), xmlText, ""},
		"compatible, sealed":   {"compatible", jsonText, 200, good, `{"a":1}`, ""},
		"compatible, clear":    {"compatible", jsonText, 200, `{"a":2}`, `{"a":2}`, ""},
		"plain, clear":         {"plain", xmlText, 200, xmlText, xmlText, ""},
		"success, but 500":     {"secure", jsonText, 500, "success", "", "not 2xx"},
		"redirect":             {"secure", jsonText, 302, "success", "", "not 2xx"},
		"not quite success":    {"secure", jsonText, 200, "success\n", "", "neither success"},
		"clear in secure":      {"secure", jsonText, 200, `{"a":2}`, "", "encrypted reply"},
		"other form":           {"secure", jsonText, 200, sealedXML(xmlText), "", "the message's form"},
		"wrong signature":      {"secure", jsonText, 200, strings.Replace(good, `"77"`, `"78"`, 1), "", "MsgSignature"},
		"another app":          {"secure", jsonText, 200, sealed(`{"a":1}`, appA), "", "AppID"},
		"not JSON":             {"plain", jsonText, 200, "thanks", "", "neither success"},
		"plain, XML for JSON":  {"plain", jsonText, 200, xmlText, "", "the message's form"},
		"plain, half a reply":  {"plain", xmlText, 200, xmlText[:20], "", "neither success"},
		"plain, JSON, garbage": {"plain", jsonText, 200, `{"a":1} x`, "", "neither success"},
	} {
		group.Go(func() { // all at once, for they wait most of the time
			push := wechattest.Push{AppID: official, Message: []byte(test.message), Mode: test.mode}
			b := newBackend(t, says(test.status, test.answer), says(200, "success"))
			push.URL = b.url
			result, err := w.Push(t.Context(), push)
			if err != nil || !result.Delivered {
				t.Errorf("%s: %+v, %v", name, result, err)
				return
			}
			if test.problem == "" {
				if result.Tries != 1 || result.Status != test.status || result.Body != test.answer || result.Reply != test.reply || result.Problem != "" {
					t.Errorf("%s: %+v", name, result)
				}
				return
			}
			// What is no good answer is asked for again, and signed anew.
			if result.Tries != 2 || len(b.got) != 2 || b.got[0].URL.Query().Get("nonce") == b.got[1].URL.Query().Get("nonce") {
				t.Errorf("%s: %+v, %d calls", name, result, len(b.got))
			}
			bad := newBackend(t, says(test.status, test.answer))
			push.URL = bad.url
			result, err = w.Push(t.Context(), push)
			if err != nil || result.Delivered || result.Tries != 3 || len(bad.got) != 3 || !strings.Contains(result.Problem, test.problem) || result.Status != test.status || result.Reply != "" {
				t.Errorf("%s: %+v, %v, %d calls; want %q", name, result, err, len(bad.got), test.problem)
			}
		})
	}
	group.Wait()
}

// A server that is slow, or away, is asked three times, each PushPatience after the one before.
func TestPushPatience(t *testing.T) {
	w := newPusher(t, 150*time.Millisecond)
	slow := newBackend(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	start := time.Now()
	result, err := w.Push(t.Context(), wechattest.Push{URL: slow.url, AppID: appA, Message: []byte(jsonText)})
	if took := time.Since(start); err != nil || result.Delivered || result.Tries != 3 || result.Status != 0 || took < 450*time.Millisecond || !strings.Contains(result.Problem, "150ms") {
		t.Fatalf("%+v, %v after %s", result, err, took)
	}
	// A redirect is a bad answer, and leads nowhere.
	elsewhere := newBackend(t, says(200, "success"))
	moved := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.url, http.StatusTemporaryRedirect)
	})
	if result, err = w.Push(t.Context(), wechattest.Push{URL: moved.url, AppID: appA, Message: []byte(jsonText)}); err != nil || result.Delivered || result.Status != 307 || len(elsewhere.got) != 0 {
		t.Fatalf("%+v, %v, %d calls elsewhere", result, err, len(elsewhere.got))
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	start = time.Now()
	result, err = w.Push(t.Context(), wechattest.Push{URL: gone.URL + "/?x=" + pushToken, AppID: appA, Message: []byte(jsonText)})
	if took := time.Since(start); err != nil || result.Delivered || result.Tries != 3 || took < 300*time.Millisecond || strings.Contains(result.Problem, "signature") {
		t.Fatalf("%+v, %v after %s", result, err, took)
	}
	// A caller that leaves ends it.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if result, err = w.Push(ctx, wechattest.Push{URL: gone.URL, AppID: appA, Message: []byte(jsonText)}); err != nil || result.Tries != 1 {
		t.Fatalf("%+v, %v", result, err)
	}
}

func TestPushSetup(t *testing.T) {
	w := newPusher(t, 5*time.Second)
	b := newBackend(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Query().Get("echostr")) })
	result, err := w.Push(t.Context(), wechattest.Push{URL: b.url, AppID: official, Mode: "setup"})
	q := b.got[0].URL.Query()
	if err != nil || !result.Delivered || b.got[0].Method != "GET" || len(q.Get("echostr")) != 19 || q.Get("signature") != signPush(pushToken, q.Get("timestamp"), q.Get("nonce")) || q.Has("encrypt_type") {
		t.Fatalf("%+v, %v; %s", result, err, b.got[0].URL)
	}
	for _, bad := range []http.HandlerFunc{says(200, "success"), says(403, ""),
		func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(201)
			io.WriteString(w, r.URL.Query().Get("echostr"))
		},
		func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Query().Get("echostr")+"\n") }} {
		b := newBackend(t, bad)
		if result, err := w.Push(t.Context(), wechattest.Push{URL: b.url, AppID: official, Mode: "setup"}); err != nil || result.Delivered || len(b.got) != 1 {
			t.Errorf("%+v, %v", result, err)
		}
	}
}

func TestPushOverHTTP(t *testing.T) {
	w := newPusher(t, 5*time.Second)
	b := newBackend(t, says(200, "success"))
	// The message goes out in the very bytes it came in, its number and its blanks too.
	message := strings.Replace(jsonText, `,"MsgId"`, ` , "MsgId"`, 1)
	got := w.phone("/sim/push", `{"url":"`+b.url+`","appid":"`+appA+`","message":`+message+`}`, 200)
	if got["delivered"] != true || got["tries"] != float64(1) || got["status"] != float64(200) || got["body"] != "success" || b.bodies[0] != message {
		t.Fatalf("%v; sent %s", got, b.bodies[0])
	}
	quoted, _ := json.Marshal(xmlText)
	got = w.phone("/sim/push", `{"url":"`+b.url+`","appid":"`+website+`","mode":"secure","token":"`+pushToken+`","aes_key":"`+pushAESKey+`","message":`+string(quoted)+`}`, 200)
	if got["delivered"] != true || !strings.HasPrefix(b.bodies[1], "<xml><ToUserName>") {
		t.Fatalf("%v; sent %s", got, b.bodies[1])
	}
	got = w.phone("/sim/push", `{"url":"`+b.url+`","appid":"`+appA+`","mode":"setup"}`, 200)
	if got["delivered"] != false || text(t, got, "problem") == "" {
		t.Fatalf("%v", got)
	}
	large := `{"MsgType":"text","Content":"` + strings.Repeat("x", 2<<20) + `"}`
	if got = w.phone("/sim/push", `{"url":"`+b.url+`","appid":"`+appA+`","message":`+large+`}`, 200); got["delivered"] != true || b.bodies[3] != large {
		t.Fatalf("%v", got)
	}
	for body, says := range map[string]string{
		`{}`: "url is required",
		`{"url":"ftp://x/","appid":"` + appA + `","message":{}}`:                                                   "url must be",
		`{"url":"http://u:p@x/","appid":"` + appA + `","message":{}}`:                                              "url must be",
		`{"url":"x","appid":"` + appA + `","message":{}}`:                                                          "url must be",
		`{"url":"` + b.url + `","message":{}}`:                                                                     "appid must be",
		`{"url":"` + b.url + `","appid":"` + website + `","message":{}}`:                                           "-push",
		`{"url":"` + b.url + `","appid":"` + appA + `","message":{},"mode":"open"}`:                                "mode must be",
		`{"url":"` + b.url + `","appid":"` + appA + `","message":{},"mode":"secure"}`:                              "aes_key must be",
		`{"url":"` + b.url + `","appid":"` + appA + `"}`:                                                           "message is required",
		`{"url":"` + b.url + `","appid":"` + appA + `","message":null}`:                                            "message is required",
		`{"url":"` + b.url + `","appid":"` + official + `","message":"x","mode":"compatible"}`:                     "compatible mode",
		`{"url":"` + b.url + `","appid":"` + appA + `","messages":{}}`:                                             "messages",
		`{"url":"` + b.url + `","appid":"` + appA + `","message":{},"token":"t","aes_key":"hush","mode":"secure"}`: "aes_key must be",
	} {
		got := w.phone("/sim/push", body, 400)
		if description := text(t, got, "error_description"); !strings.Contains(description, says) || strings.Contains(description, "hush") {
			t.Errorf("%s: %v; want it to say %q", body, got, says)
		}
	}
	if len(b.got) != 4 {
		t.Errorf("%d calls", len(b.got))
	}
}

// WeChat, too, can be had too much of.
func TestPushesAreBounded(t *testing.T) {
	release := make(chan struct{})
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) { <-release; io.WriteString(w, "success") })
	w := newKinds(t, wechattest.Options{PushPatience: time.Minute, Pushes: map[string]wechattest.PushSecret{appA: {Token: pushToken}}})
	push := wechattest.Push{URL: b.url, AppID: appA, Message: []byte(jsonText)}
	var group sync.WaitGroup
	for range 256 {
		group.Go(func() {
			if result, err := w.Push(t.Context(), push); err != nil || !result.Delivered {
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		b.mu.Lock()
		n := len(b.got)
		b.mu.Unlock()
		if n == 256 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d pushes arrived", n)
		}
	}
	r, _ := json.Marshal(map[string]any{"url": push.URL, "appid": appA, "message": json.RawMessage(jsonText)})
	if response, body := w.do("POST", "/sim/push", url.Values{}, string(r)); response.StatusCode != 503 || response.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	close(release)
	group.Wait()
	if result, err := w.Push(t.Context(), push); err != nil || !result.Delivered {
		t.Errorf("afterwards %+v, %v", result, err)
	}
}
