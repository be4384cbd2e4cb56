// jssdk_test.go: page signatures for wx.config.

package wechatauth_test

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

func TestJSSDK(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.WebSetup())
	sign := func(page string) gatewaytest.Reply {
		return gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/jssdk?url=" + url.QueryEscape(page)})
	}
	for _, page := range []string{
		"http://" + gw.HTTP + "/shop?a=1&b=%E4%BD%A0#/route", "https://" + gw.HTTP, "http://" + strings.ToUpper(gw.HTTP) + "/",
	} {
		got := sign(page)
		gatewaytest.RequireStatus(t, got, 200)
		m := gatewaytest.JSON(t, got)
		gatewaytest.RequireMembers(t, m, "appId", "timestamp", "nonceStr", "signature")
		signed, _, _ := strings.Cut(page, "#")
		text := fmt.Sprintf("jsapi_ticket=%s&noncestr=%s&timestamp=%.0f&url=%s", gw.Sim.JSAPITicket(gatewaytest.AppOfficial), m["nonceStr"], m["timestamp"], signed)
		sum := sha1.Sum([]byte(text))
		if m["appId"] != gatewaytest.AppOfficial || m["signature"] != hex.EncodeToString(sum[:]) || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("page %s: %v", page, m)
		}
	}
	gatewaytest.RequireCalls(t, gw, wechattest.PathGetTicket, 1)
	for _, page := range []string{
		"", "https://evil.example/", "//" + gw.HTTP + "/", "http://" + gw.HTTP + "@evil.example/", "http://user@" + gw.HTTP + "/",
		"ftp://" + gw.HTTP + "/", "javascript:alert(1)", "http://" + gw.HTTP + "0/", "http://" + gw.HTTP + "/" + strings.Repeat("x", 2048),
		"http://" + gw.HTTP + "/a b", `http://evil.example\@` + gw.HTTP + "/", "/shop",
	} {
		gatewaytest.RequireProblem(t, sign(page), 400, "invalid_request")
	}
	gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/jssdk?appid=" + gatewaytest.AppA + "&url=http%3A%2F%2F" + gw.HTTP}), 400, "invalid_request")
	if strings.Contains(gw.Logs(t), gw.Sim.JSAPITicket(gatewaytest.AppOfficial)) {
		t.Error("a log shows the ticket")
	}
}

// The published example: its ticket and its page, at a site of that name. Time and nonce
// are of today, so the arithmetic here is held to the published signature first.
func TestJSSDKSignsThePublishedPage(t *testing.T) {
	const (
		ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
		page   = "http://mp.weixin.qq.com?params=value"
	)
	sign := func(nonce, timestamp string) string {
		sum := sha1.Sum([]byte("jsapi_ticket=" + ticket + "&noncestr=" + nonce + "&timestamp=" + timestamp + "&url=" + page))
		return hex.EncodeToString(sum[:])
	}
	if got := sign("Wm3WZYTPz0wzccnW", "1414587457"); got != "0f9de62fce790f9a083d5c99e95740ceb90c27ed" {
		t.Fatalf("the published signature: %s", got)
	}
	s := gatewaytest.WebSetup()
	s.Sites = "http://mp.weixin.qq.com:<HTTPPORT> {\n " + s.Auth + "\n reverse_proxy <UPSTREAM>\n}\n"
	gw := gatewaytest.Start(t, s)
	body := `{"errcode":0,"errmsg":"ok","ticket":"` + ticket + `","expires_in":7200}`
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathGetTicket, Body: &body})
	got := gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/jssdk?url=" + url.QueryEscape(page), Host: "mp.weixin.qq.com"})
	gatewaytest.RequireStatus(t, got, 200)
	m := gatewaytest.JSON(t, got)
	nonce, _ := m["nonceStr"].(string)
	timestamp, _ := m["timestamp"].(float64)
	if nonce == "" || m["appId"] != gatewaytest.AppOfficial || m["signature"] != sign(nonce, fmt.Sprintf("%.0f", timestamp)) {
		t.Errorf("%v", m)
	}
}

func TestNoJSSDK(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/jssdk?url=http%3A%2F%2F" + gw.HTTP}), 404)
}
