// mistakes_test.go: what clients get wrong, and are told.

package wechatauth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// A base URL with a slash at its end, or a path with one: a login that is answered "log
// in" helps nobody.
func TestSlashTooMany(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: "wechat_auth {\n public /none\n}"})
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for _, target := range []string{"//wechat/login", "///wechat/login", "/wechat/login/", "/wechat//login", "/wechat/login//"} {
			x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
			x.Target = target
			got, err := c.Exact(t, gatewaytest.ExactCall{Method: "POST", Target: target, Body: x.Body, Fields: gatewaytest.Fields("Content-Type", "application/json")})
			if err != nil || got.Status != 404 || !strings.Contains(got.Body, "the address has a slash too many; it is /wechat/login") {
				t.Errorf("%s: %v %v", target, got, err)
			}
		}
		for _, target := range []string{"//wechat/nothing", "//wechatlogin", "//wechat"} {
			if got, err := c.Exact(t, gatewaytest.ExactCall{Target: target}); err != nil || got.Status != 401 && got.Status != 200 {
				t.Errorf("%s: %v %v", target, got, err)
			}
		}
	})
}

// A token without its scheme is told so, whether it is a good one or not, and is none.
func TestTokenWithoutScheme(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		answers := make(map[string]bool)
		for _, text := range []string{token, "x.y.z", token + "x", "something"} {
			got := c.Do(t, gatewaytest.Call{Target: "/api", Header: gatewaytest.Header("Authorization", text)})
			gatewaytest.RequireRefused(t, got)
			if !strings.Contains(got.Body, "send Authorization: Bearer") || got.Header.Get("WWW-Authenticate") != challenge {
				t.Errorf("%q: %v", text, got)
			}
			got.Header.Del("Date")
			answers[fmt.Sprint(got)] = true
		}
		if len(answers) != 1 {
			t.Errorf("a good token and a bad one are told apart: %v", answers)
		}
		if got := c.Do(t, gatewaytest.Call{Target: "/api", Header: gatewaytest.Header("Authorization", "Bearer")}); strings.Contains(got.Body, "scheme") {
			t.Errorf("a scheme alone: %v", got)
		}
		gatewaytest.RequireNoUpstream(t, gw)
	})
}

// What phones and layers of clients send is taken where it can be meant.
func TestOddBodies(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Sim: gatewaytest.FreshKeys()})
	for _, contentType := range [][]string{{"application/json", "application/json"}, {"application/json, application/json"}, {"application/json;charset=UTF-8"}} {
		x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
		x.Header["Content-Type"] = contentType
		gatewaytest.RequireStatus(t, gw.H1.Do(t, x), 200)
	}
	x := gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)
	x.Body = strings.Replace(x.Body, "{", `{"nickName":"cut \ud83d",`, 1)
	gatewaytest.RequireStatus(t, gw.H1.Do(t, x), 200)
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	info := gatewaytest.UserInfoOf(t, gw, gatewaytest.Alice)
	raw := strings.Replace(info.RawData, "{", `{"x":"\ud800",`, 1)
	if got := gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/userinfo", Token: token, Header: gatewaytest.Header("Content-Type", "application/json"), Body: fmt.Sprintf(`{"rawData":%q,"signature":"\ud800"}`, raw)}); got.Status != 400 || !strings.Contains(got.Body, "invalid_data") {
		t.Errorf("a half character in what is not signed so: %v", got)
	}
}
