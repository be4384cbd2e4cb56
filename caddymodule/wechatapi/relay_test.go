// relay_test.go: WeChat's API for backends.

package wechatapi_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

const relayKey = "relay-key-0123456789abcdef"

// startRelay runs a gateway whose relay is asked by the returned function.
func startRelay(t *testing.T, lines string) (*gatewaytest.Gateway, func(gatewaytest.Call) gatewaytest.Reply) {
	t.Helper()
	return startRelayAt(t, gatewaytest.FreeAddr(t), lines)
}

func startRelayAt(t *testing.T, addr, lines string) (*gatewaytest.Gateway, func(gatewaytest.Call) gatewaytest.Reply) {
	t.Helper()
	t.Setenv("RELAY_TEST_KEY", relayKey)
	s := gatewaytest.WebSetup()
	s.Admin = true
	port := addr[strings.LastIndex(addr, ":"):]
	s.Sites = "http://" + port + " {\n bind 127.0.0.1\n log\n wechat_api {\n key {$RELAY_TEST_KEY}\n" + lines + "\n}\n}\n"
	gw := gatewaytest.Start(t, s)
	site := *gw.H1
	site.Base = "http://" + addr
	return gw, func(c gatewaytest.Call) gatewaytest.Reply {
		t.Helper()
		got, err := site.Try(c)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
}

func TestRelay(t *testing.T) {
	gw, ask := startRelay(t, "app "+gatewaytest.AppA)
	json := gatewaytest.Header("Content-Type", "application/json")
	send := gatewaytest.Call{Method: "POST", Target: wechattest.PathMsgSecCheck + "?x=1", Token: relayKey, Body: `{"content":"hello","openid":"` + gatewaytest.Alice + `","scene":1,"version":2}`, Header: json}
	got := ask(send)
	gatewaytest.RequireStatus(t, got, 200)
	if m := gatewaytest.JSON(t, got); m["errcode"] != 0.0 {
		t.Errorf("%s", got.Body)
	}
	received, err := gw.Sim.Received(wechattest.PathMsgSecCheck)
	if err != nil || received.Count != 1 {
		t.Errorf("%+v, %v", received, err)
	}

	// a picture comes back as it is
	got = ask(gatewaytest.Call{Method: "POST", Target: wechattest.PathWxaCode, Token: relayKey, Body: `{"scene":"a=1"}`, Header: json})
	if got.Status != 200 || got.Header.Get("Content-Type") != "image/png" && got.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("%d %v", got.Status, got.Header)
	}

	// an SDK: the token endpoint, then a call with what it gave
	got = ask(gatewaytest.Call{Target: "/cgi-bin/token?grant_type=client_credential&appid=" + gatewaytest.AppA + "&secret=" + relayKey})
	gatewaytest.RequireStatus(t, got, 200)
	token, _ := gatewaytest.JSON(t, got)["access_token"].(string)
	if token == "" || gatewaytest.JSON(t, got)["expires_in"] == nil {
		t.Fatalf("%s", got.Body)
	}
	got = ask(gatewaytest.Call{Method: "POST", Target: wechattest.PathMsgSecCheck + "?access_token=" + token, Body: send.Body, Header: json})
	if m := gatewaytest.JSON(t, got); m["errcode"] != 0.0 {
		t.Errorf("by an SDK: %s", got.Body)
	}
	for _, c := range gw.Sim.Calls() {
		if strings.Contains(c.Query.Encode(), token) || strings.Contains(c.Query.Encode(), relayKey) || c.Header.Get("Authorization") != "" {
			t.Errorf("WeChat was shown %s %v", c.Query.Encode(), c.Header)
		}
	}

	for name, c := range map[string]struct {
		gatewaytest.Call
		status int
		says   string
	}{
		"no key":            {gatewaytest.Call{Target: "/wxa/x"}, 401, "invalid_token"},
		"a wrong key":       {gatewaytest.Call{Target: "/wxa/x", Token: "relay-key-wrong-0000000"}, 401, "invalid_token"},
		"a session's token": {gatewaytest.Call{Target: "/wxa/x", Token: gatewaytest.Login(t, gw, gatewaytest.Alice)}, 401, "invalid_token"},
		"a page":            {gatewaytest.Call{Target: "/wxa/x", Token: relayKey, Header: gatewaytest.Header("Origin", "https://evil.example")}, 403, "access_denied"},
		"a browser":         {gatewaytest.Call{Target: "/wxa/x", Token: relayKey, Header: gatewaytest.Header("Sec-Fetch-Site", "none")}, 403, "access_denied"},
		"never relayed":     {gatewaytest.Call{Target: "/sns/userinfo", Token: relayKey}, 403, "access_denied"},
		"another spelling":  {gatewaytest.Call{Target: "/SNS/Userinfo/", Token: relayKey}, 403, "access_denied"},
		"quota":             {gatewaytest.Call{Target: "/cgi-bin/clear_quota/v2", Token: relayKey}, 403, "access_denied"},
		"an encoded path":   {gatewaytest.Call{Target: "/%73ns/userinfo", Token: relayKey}, 400, "invalid_request"},
		"dot segments":      {gatewaytest.Call{Target: "/wxa/../sns/userinfo", Token: relayKey}, 400, "invalid_request"},
		"two slashes":       {gatewaytest.Call{Target: "//sns/userinfo", Token: relayKey}, 400, "invalid_request"},
		"another app":       {gatewaytest.Call{Target: "/wxa/x", Token: relayKey, Header: gatewaytest.Header("X-WeChat-AppID", gatewaytest.AppOfficial)}, 400, "invalid_request"},
		"a wrong secret":    {gatewaytest.Call{Target: "/cgi-bin/token?grant_type=client_credential&appid=" + gatewaytest.AppA + "&secret=nope"}, 401, "40125"},
		"a made-up token":   {gatewaytest.Call{Target: "/wxa/x?access_token=relay_made_up"}, 401, "40001"},
		"another method":    {gatewaytest.Call{Method: "PUT", Target: "/wxa/x", Token: relayKey}, 405, "invalid_request"},
	} {
		got := ask(c.Call)
		if got.Status != c.status || !strings.Contains(got.Body, c.says) {
			t.Errorf("%s: %d %s; want %d %s", name, got.Status, got.Body, c.status, c.says)
		}
	}
	logs := gw.Logs(t)
	for _, secret := range []string{relayKey, token, gatewaytest.SecretA} {
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
	json := gatewaytest.Header("Content-Type", "application/json", "X-WeChat-AppID", gatewaytest.AppA)
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathMsgSecCheck, ErrCode: 40001})
	got := ask(gatewaytest.Call{Method: "POST", Target: wechattest.PathMsgSecCheck, Token: relayKey, Body: `{"content":"x","openid":"` + gatewaytest.Alice + `","scene":1,"version":2}`, Header: json})
	if m := gatewaytest.JSON(t, got); m["errcode"] != 0.0 {
		t.Errorf("%s", got.Body)
	}
	// busy is the backend's to know: nothing is repeated
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathMsgSecCheck, ErrCode: -1})
	before := gw.Sim.CountCalls(wechattest.PathMsgSecCheck)
	got = ask(gatewaytest.Call{Method: "POST", Target: wechattest.PathMsgSecCheck, Token: relayKey, Body: `{"content":"x"}`, Header: json})
	if m := gatewaytest.JSON(t, got); got.Status != 200 || m["errcode"] != -1.0 || gw.Sim.CountCalls(wechattest.PathMsgSecCheck) != before+1 {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	gatewaytest.RequireProblem(t, ask(gatewaytest.Call{Target: "/wxa/x", Token: relayKey}), 400, "invalid_request") // which app?
}

// A caller whose body does not come is told so, and not that WeChat was late.
func TestRelayOfASlowBody(t *testing.T) {
	addr := gatewaytest.FreeAddr(t)
	startRelayAt(t, addr, "app "+gatewaytest.AppA+"\ntimeout 500ms")
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
		conn := gatewaytest.DialRaw(t, addr)
		length := "100"
		if strings.HasSuffix(test.target, "big") {
			length = "2000000"
		}
		conn.Send(t, gatewaytest.CRLF("POST "+test.target+" HTTP/1.1\nHost: "+addr+"\nAuthorization: Bearer "+relayKey+"\nContent-Length: "+length+"\n\nhalf"))
		test.end(conn.Conn.(*net.TCPConn))
		got := conn.ReadReply(t, "POST")
		if got.Status != test.status || !strings.Contains(got.Body, `"invalid_request"`) {
			t.Errorf("%s: %v", name, got)
		}
		conn.Close()
	}
}
