// relay_test.go: WeChat's API for backends.

package integration

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

const relayKey = "relay-key-0123456789abcdef"

// startRelay runs a gateway whose relay is asked by the returned function.
func startRelay(t *testing.T, lines string) (*gateway, func(call) reply) {
	t.Helper()
	return startRelayAt(t, freeAddr(t), lines)
}

func startRelayAt(t *testing.T, addr, lines string) (*gateway, func(call) reply) {
	t.Helper()
	t.Setenv("RELAY_TEST_KEY", relayKey)
	s := webSetup()
	s.Admin = true
	port := addr[strings.LastIndex(addr, ":"):]
	s.Sites = "http://" + port + " {\n bind 127.0.0.1\n log\n wechat_api {\n key {$RELAY_TEST_KEY}\n" + lines + "\n}\n}\n"
	gw := start(t, s)
	site := *gw.h1
	site.Base = "http://" + addr
	return gw, func(c call) reply {
		t.Helper()
		got, err := site.try(c)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
}

func TestRelay(t *testing.T) {
	gw, ask := startRelay(t, "app "+appA)
	json := header("Content-Type", "application/json")
	send := call{Method: "POST", Target: wechattest.PathMsgSecCheck + "?x=1", Token: relayKey, Body: `{"content":"hello","openid":"` + alice + `","scene":1,"version":2}`, Header: json}
	got := ask(send)
	requireStatus(t, got, 200)
	if m := object(t, got); m["errcode"] != 0.0 {
		t.Errorf("%s", got.Body)
	}
	received, err := gw.sim.Received(wechattest.PathMsgSecCheck)
	if err != nil || received.Count != 1 {
		t.Errorf("%+v, %v", received, err)
	}

	// a picture comes back as it is
	got = ask(call{Method: "POST", Target: wechattest.PathWxaCode, Token: relayKey, Body: `{"scene":"a=1"}`, Header: json})
	if got.Status != 200 || got.Header.Get("Content-Type") != "image/png" && got.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("%d %v", got.Status, got.Header)
	}

	// an SDK: the token endpoint, then a call with what it gave
	got = ask(call{Target: "/cgi-bin/token?grant_type=client_credential&appid=" + appA + "&secret=" + relayKey})
	requireStatus(t, got, 200)
	token, _ := object(t, got)["access_token"].(string)
	if token == "" || object(t, got)["expires_in"] == nil {
		t.Fatalf("%s", got.Body)
	}
	got = ask(call{Method: "POST", Target: wechattest.PathMsgSecCheck + "?access_token=" + token, Body: send.Body, Header: json})
	if m := object(t, got); m["errcode"] != 0.0 {
		t.Errorf("by an SDK: %s", got.Body)
	}
	for _, c := range gw.sim.Calls() {
		if strings.Contains(c.Query.Encode(), token) || strings.Contains(c.Query.Encode(), relayKey) || c.Header.Get("Authorization") != "" {
			t.Errorf("WeChat was shown %s %v", c.Query.Encode(), c.Header)
		}
	}

	for name, c := range map[string]struct {
		call
		status int
		says   string
	}{
		"no key":            {call{Target: "/wxa/x"}, 401, "invalid_token"},
		"a wrong key":       {call{Target: "/wxa/x", Token: "relay-key-wrong-0000000"}, 401, "invalid_token"},
		"a session's token": {call{Target: "/wxa/x", Token: login(t, gw, alice)}, 401, "invalid_token"},
		"a page":            {call{Target: "/wxa/x", Token: relayKey, Header: header("Origin", "https://evil.example")}, 403, "access_denied"},
		"a browser":         {call{Target: "/wxa/x", Token: relayKey, Header: header("Sec-Fetch-Site", "none")}, 403, "access_denied"},
		"never relayed":     {call{Target: "/sns/userinfo", Token: relayKey}, 403, "access_denied"},
		"another spelling":  {call{Target: "/SNS/Userinfo/", Token: relayKey}, 403, "access_denied"},
		"quota":             {call{Target: "/cgi-bin/clear_quota/v2", Token: relayKey}, 403, "access_denied"},
		"an encoded path":   {call{Target: "/%73ns/userinfo", Token: relayKey}, 400, "invalid_request"},
		"dot segments":      {call{Target: "/wxa/../sns/userinfo", Token: relayKey}, 400, "invalid_request"},
		"two slashes":       {call{Target: "//sns/userinfo", Token: relayKey}, 400, "invalid_request"},
		"another app":       {call{Target: "/wxa/x", Token: relayKey, Header: header("X-WeChat-AppID", appOfficial)}, 400, "invalid_request"},
		"a wrong secret":    {call{Target: "/cgi-bin/token?grant_type=client_credential&appid=" + appA + "&secret=nope"}, 401, "40125"},
		"a made-up token":   {call{Target: "/wxa/x?access_token=relay_made_up"}, 401, "40001"},
		"another method":    {call{Method: "PUT", Target: "/wxa/x", Token: relayKey}, 405, "invalid_request"},
	} {
		got := ask(c.call)
		if got.Status != c.status || !strings.Contains(got.Body, c.says) {
			t.Errorf("%s: %d %s; want %d %s", name, got.Status, got.Body, c.status, c.says)
		}
	}
	logs := gw.logs(t)
	for _, secret := range []string{relayKey, token, secretA} {
		for line := range strings.Lines(logs) {
			if strings.Contains(line, secret) {
				t.Errorf("a log shows a secret of the relay: %s", strings.ReplaceAll(line, secret, "[secret]"))
			}
		}
	}
	metrics, err := http.Get("http://" + gw.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics.Body.Close()
}

// The token dies under a call: it is renewed once, and the call is repeated once.
func TestRelayRenewsADeadToken(t *testing.T) {
	gw, ask := startRelay(t, "")
	json := header("Content-Type", "application/json", "X-WeChat-AppID", appA)
	fault(t, gw, wechattest.Fault{Path: wechattest.PathMsgSecCheck, ErrCode: 40001})
	got := ask(call{Method: "POST", Target: wechattest.PathMsgSecCheck, Token: relayKey, Body: `{"content":"x","openid":"` + alice + `","scene":1,"version":2}`, Header: json})
	if m := object(t, got); m["errcode"] != 0.0 {
		t.Errorf("%s", got.Body)
	}
	// busy is the backend's to know: nothing is repeated
	fault(t, gw, wechattest.Fault{Path: wechattest.PathMsgSecCheck, ErrCode: -1})
	before := gw.sim.CountCalls(wechattest.PathMsgSecCheck)
	got = ask(call{Method: "POST", Target: wechattest.PathMsgSecCheck, Token: relayKey, Body: `{"content":"x"}`, Header: json})
	if m := object(t, got); got.Status != 200 || m["errcode"] != -1.0 || gw.sim.CountCalls(wechattest.PathMsgSecCheck) != before+1 {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	requireProblem(t, ask(call{Target: "/wxa/x", Token: relayKey}), 400, "invalid_request") // which app?
}

// A caller whose body does not come is told so, and not that WeChat was late.
func TestRelayOfASlowBody(t *testing.T) {
	addr := freeAddr(t)
	startRelayAt(t, addr, "app "+appA+"\ntimeout 500ms")
	for name, test := range map[string]struct {
		target string
		end    func(*net.TCPConn)
		status int
	}{
		"too slow":                 {"/wxa/x", func(*net.TCPConn) {}, 408},
		"ends early":               {"/wxa/x", func(c *net.TCPConn) { c.CloseWrite() }, 400},
		"ends early, by an SDK":    {"/cgi-bin/stable_token", func(c *net.TCPConn) { c.CloseWrite() }, 400},
		"too slow, and a big body": {"/wxa/x?big", func(*net.TCPConn) {}, 408},
	} {
		conn := dialRaw(t, addr)
		length := "100"
		if strings.HasSuffix(test.target, "big") {
			length = "2000000"
		}
		conn.send(t, crlf("POST "+test.target+" HTTP/1.1\nHost: "+addr+"\nAuthorization: Bearer "+relayKey+"\nContent-Length: "+length+"\n\nhalf"))
		test.end(conn.Conn.(*net.TCPConn))
		got := conn.read(t, "POST")
		if got.Status != test.status || !strings.Contains(got.Body, `"invalid_request"`) {
			t.Errorf("%s: %v", name, got)
		}
		conn.Close()
	}
}
