// push_test.go: what WeChat pushes, through the gateway to the backend.

package wechatpush_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// inbox is a backend that takes pushes.
type inbox struct {
	*httptest.Server
	mu     sync.Mutex
	got    []*http.Request
	bodies []string
	answer func(n int) (status int, body string)
}

func newInbox(t *testing.T) *inbox {
	b := &inbox{answer: func(int) (int, string) { return 200, "" }}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body strings.Builder
		_, _ = strings.NewReader("").WriteTo(&body)
		buf := make([]byte, 1<<21)
		n := 0
		for {
			m, err := r.Body.Read(buf[n:])
			n += m
			if err != nil {
				break
			}
		}
		b.mu.Lock()
		b.got, b.bodies = append(b.got, r), append(b.bodies, string(buf[:n]))
		status, text := b.answer(len(b.got))
		b.mu.Unlock()
		if strings.HasPrefix(text, "{") {
			w.Header().Set("Content-Type", "application/json")
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *inbox) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.got)
}

func pushSetup(backend *inbox, key string) gatewaytest.Setup {
	s := gatewaytest.Setup{
		Wechat: gatewaytest.InMemory,
		Apps:   []string{gatewaytest.AppB},
		Site:   "wechat_push /push* {\n app " + gatewaytest.AppA + "\n}\nwechat_auth {\n app *\n}\nreverse_proxy " + strings.TrimPrefix(backend.URL, "http://"),
		Sim: wechattest.Options{
			Apps: gatewaytest.Secrets, Pushes: map[string]wechattest.PushSecret{gatewaytest.AppA: {Token: gatewaytest.PushToken, AESKey: key}},
			PushPatience: 700 * time.Millisecond,
		},
	}
	s.Wechat += "app " + gatewaytest.AppA + " " + gatewaytest.SecretA + " {\n push " + gatewaytest.PushToken + " " + key + "\n}\n"
	return s
}

func push(t *testing.T, gw *gatewaytest.Gateway, p wechattest.Push) wechattest.PushResult {
	t.Helper()
	p.URL, p.AppID = "http://"+gw.HTTP+"/push?own=1", gatewaytest.AppA
	got, err := gw.Sim.Push(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPush(t *testing.T) {
	for _, mode := range []string{"plain", "secure", "compatible"} {
		for name, text := range map[string]string{
			"json": `{"ToUserName":"gh_1","FromUserName":"` + gatewaytest.Alice + `","CreateTime":1700000000,"MsgType":"text","Content":"你好","MsgId":9007199254740993}`,
			"xml":  `<xml><ToUserName>gh_1</ToUserName><FromUserName>` + gatewaytest.Alice + `</FromUserName><CreateTime>1700000000</CreateTime><MsgType>event</MsgType><Event>subscribe</Event></xml>`,
		} {
			t.Run(mode+" "+name, func(t *testing.T) {
				backend := newInbox(t)
				key := gatewaytest.PushKey
				if mode == "plain" {
					key = ""
				}
				gw := gatewaytest.Start(t, pushSetup(backend, key))
				got := push(t, gw, wechattest.Push{Message: []byte(text), Mode: mode})
				if !got.Delivered || got.Tries != 1 || backend.count() != 1 {
					t.Fatalf("%+v, the backend was asked %d times", got, backend.count())
				}
				r := backend.got[0]
				want := map[string]string{"json": "text", "xml": "event/subscribe"}[name]
				if backend.bodies[0] != text || r.Header.Get("X-WeChat-Push") != want || r.Header.Get("X-WeChat-AppID") != gatewaytest.AppA ||
					r.Header.Get("X-WeChat-OpenID") != "" || r.URL.RawQuery != "own=1" || r.URL.Path != "/push" || r.Method != "POST" ||
					!strings.Contains(r.Header.Get("Content-Type"), name) {
					t.Errorf("%s %s %v\n%s", r.Method, r.URL, r.Header, backend.bodies[0])
				}
				// a signature in the clear covers no body: the log's readers could push with it
				gw.AwaitLog(t, `"accepted"`, gatewaytest.AppA, want)
				if log := gw.Logs(t); strings.Contains(log, "signature=") || strings.Contains(log, "nonce=") {
					t.Error("the log has what WeChat signed a push with")
				}
				// the same again: accepted before
				if again := push(t, gw, wechattest.Push{Message: []byte(text), Mode: mode}); !again.Delivered || backend.count() != 1 {
					t.Errorf("a repeat: %+v, the backend was asked %d times", again, backend.count())
				}
			})
		}
	}
}

func TestPushReplies(t *testing.T) {
	backend := newInbox(t)
	backend.answer = func(int) (int, string) {
		return 200, `{"ToUserName":"` + gatewaytest.Alice + `","MsgType":"text","Content":"hi"}`
	}
	gw := gatewaytest.Start(t, pushSetup(backend, gatewaytest.PushKey))
	got := push(t, gw, wechattest.Push{Message: []byte(`{"FromUserName":"` + gatewaytest.Alice + `","CreateTime":1,"MsgType":"text","MsgId":1}`), Mode: "secure"})
	if !got.Delivered || !strings.Contains(string(got.Reply), `"Content":"hi"`) || got.Problem != "" {
		t.Errorf("%+v", got)
	}
}

func TestPushIsSentAgain(t *testing.T) {
	backend := newInbox(t)
	backend.answer = func(n int) (int, string) {
		if n < 3 {
			return 500, "no"
		}
		return 204, ""
	}
	gw := gatewaytest.Start(t, pushSetup(backend, gatewaytest.PushKey))
	got := push(t, gw, wechattest.Push{Message: []byte(`{"FromUserName":"` + gatewaytest.Alice + `","CreateTime":1,"MsgType":"text","MsgId":1}`), Mode: "secure"})
	if !got.Delivered || got.Tries != 3 || backend.count() != 3 {
		t.Errorf("%+v, the backend was asked %d times", got, backend.count())
	}
}

func TestPushRefusals(t *testing.T) {
	backend := newInbox(t)
	gw := gatewaytest.Start(t, pushSetup(backend, gatewaytest.PushKey))
	json := gatewaytest.Header("Content-Type", "application/json")
	for name, c := range map[string]gatewaytest.Call{
		"nothing signed":     {Method: "POST", Target: "/push", Body: `{}`, Header: json},
		"a made-up message":  {Method: "POST", Target: "/push?signature=00&timestamp=1&nonce=2&encrypt_type=aes&msg_signature=00", Body: `{"Encrypt":"AAAA"}`, Header: json},
		"a message in clear": {Method: "POST", Target: "/push?signature=00&timestamp=1&nonce=2", Body: `{"MsgType":"text"}`, Header: json},
		"no echostr":         {Target: "/push?signature=00&timestamp=1&nonce=2"},
		"a forged echo":      {Target: "/push?signature=00&timestamp=1&nonce=2&echostr=abc"},
	} {
		got := gw.H1.Do(t, c)
		if got.Status != 403 {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
		gatewaytest.RequireProblem(t, got, 403, "access_denied")
	}
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "PUT", Target: "/push"}), 405)
	// the length alone is refused: a client that goes on writing may find the connection closed
	gatewaytest.RequireProblem(t, gatewaytest.RawHTTP(t, gw.HTTP, fmt.Sprintf("POST /push?signature=x HTTP/1.1\nHost: %s\nContent-Type: application/json\nContent-Length: %d\n\n", gw.HTTP, 1<<20+1)), 413, "invalid_request")
	gw.AwaitLog(t, `"not read"`, "1 MiB at most", "127.0.0.1") // instead of a line in the access log
	if got := push(t, gw, wechattest.Push{Mode: "setup"}); !got.Delivered {
		t.Errorf("the set-up: %+v", got)
	}
	if n := backend.count(); n != 0 {
		t.Errorf("%d of them reached the backend", n)
	}
	// what looks like a push elsewhere is an ordinary request
	got := gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/other", Body: "{}", Header: gatewaytest.Header("X-WeChat-Push", "text", "Content-Type", "application/json")})
	gatewaytest.RequireStatus(t, got, 401)
}

// A user who is gone is logged out before the backend is told.
func TestPushEndsSessions(t *testing.T) {
	backend := newInbox(t)
	gw := gatewaytest.Start(t, pushSetup(backend, gatewaytest.PushKey))
	token := gatewaytest.LoginApp(t, gw, gatewaytest.AppA, gatewaytest.Alice)
	other := gatewaytest.LoginApp(t, gw, gatewaytest.AppA, gatewaytest.Eve)
	var alive int
	backend.answer = func(int) (int, string) {
		alive = gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/session", Token: token}).Status
		return 200, "success"
	}
	for i, text := range []string{
		`{"ToUserName":"gh","FromUserName":"gh2","CreateTime":1,"MsgType":"event","Event":"user_authorization_cancellation","OpenID":" ` + gatewaytest.Alice + `","AppID":"` + gatewaytest.AppA + `"}`,
		`{"ToUserName":"gh","FromUserName":"gh2","CreateTime":2,"MsgType":"event","Event":"user_authorization_revoke","RevokeInfo":["8","301"],"OpenID":"` + gatewaytest.Alice + `"}`,
	} {
		if i > 0 {
			token = gatewaytest.LoginApp(t, gw, gatewaytest.AppA, gatewaytest.Alice)
		}
		if got := push(t, gw, wechattest.Push{Message: []byte(text), Mode: "secure"}); !got.Delivered {
			t.Fatalf("%+v", got)
		}
		if alive != 401 {
			t.Errorf("when the backend was told of %s, the session answered %d", text, alive)
		}
	}
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/session", Token: other}), 200)
}
