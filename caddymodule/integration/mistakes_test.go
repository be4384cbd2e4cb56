// mistakes_test.go: what clients get wrong, and are told.

package integration

import (
	"fmt"
	"strings"
	"testing"
)

// A base URL with a slash at its end, or a path with one: a login that is answered "log
// in" helps nobody.
func TestSlashTooMany(t *testing.T) {
	gw := start(t, setup{Auth: "wechat_auth {\n public /none\n}"})
	gw.each(t, func(t *testing.T, c *client) {
		for _, target := range []string{"//wechat/login", "///wechat/login", "/wechat/login/", "/wechat//login", "/wechat/login//"} {
			x := loginCall(gw, appA, alice)
			x.Target = target
			got, err := c.exact(t, exactCall{Method: "POST", Target: target, Body: x.Body, Fields: fields("Content-Type", "application/json")})
			if err != nil || got.Status != 404 || !strings.Contains(got.Body, "the address has a slash too many; it is /wechat/login") {
				t.Errorf("%s: %v %v", target, got, err)
			}
		}
		for _, target := range []string{"//wechat/nothing", "//wechatlogin", "//wechat"} {
			if got, err := c.exact(t, exactCall{Target: target}); err != nil || got.Status != 401 && got.Status != 200 {
				t.Errorf("%s: %v %v", target, got, err)
			}
		}
	})
}

// A token without its scheme is told so, whether it is a good one or not, and is none.
func TestTokenWithoutScheme(t *testing.T) {
	gw := start(t, setup{})
	token := login(t, gw, alice)
	gw.each(t, func(t *testing.T, c *client) {
		answers := make(map[string]bool)
		for _, text := range []string{token, "x.y.z", token + "x", "something"} {
			got := c.do(t, call{Target: "/api", Header: header("Authorization", text)})
			requireRefused(t, got)
			if !strings.Contains(got.Body, "send Authorization: Bearer") || got.Header.Get("WWW-Authenticate") != challenge {
				t.Errorf("%q: %v", text, got)
			}
			got.Header.Del("Date")
			answers[fmt.Sprint(got)] = true
		}
		if len(answers) != 1 {
			t.Errorf("a good token and a bad one are told apart: %v", answers)
		}
		if got := c.do(t, call{Target: "/api", Header: header("Authorization", "Bearer")}); strings.Contains(got.Body, "scheme") {
			t.Errorf("a scheme alone: %v", got)
		}
		requireNoUpstream(t, gw)
	})
}

// What phones and layers of clients send is taken where it can be meant.
func TestOddBodies(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory, Sim: freshKeys()})
	for _, contentType := range [][]string{{"application/json", "application/json"}, {"application/json, application/json"}, {"application/json;charset=UTF-8"}} {
		x := loginCall(gw, appA, alice)
		x.Header["Content-Type"] = contentType
		requireStatus(t, gw.h1.do(t, x), 200)
	}
	x := loginCall(gw, appA, alice)
	x.Body = strings.Replace(x.Body, "{", `{"nickName":"cut \ud83d",`, 1)
	requireStatus(t, gw.h1.do(t, x), 200)
	token := login(t, gw, alice)
	info := infoOf(t, gw, alice)
	raw := strings.Replace(info.RawData, "{", `{"x":"\ud800",`, 1)
	if got := gw.h1.do(t, call{Method: "POST", Target: "/wechat/userinfo", Token: token, Header: header("Content-Type", "application/json"), Body: fmt.Sprintf(`{"rawData":%q,"signature":"\ud800"}`, raw)}); got.Status != 400 || !strings.Contains(got.Body, "invalid_data") {
		t.Errorf("a half character in what is not signed so: %v", got)
	}
}
