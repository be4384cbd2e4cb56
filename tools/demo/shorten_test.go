// shorten_test.go: what is shown of a secret.

package main

import (
	"strings"
	"testing"
)

func TestShortenLeavesNoSecret(t *testing.T) {
	const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvVSJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
	for text, want := range map[string]string{
		"Bearer " + token:                                                     "Bearer eyJhbGci…tlbg",
		`{"token":"` + token + `","openid":"oU"}`:                             `{"token":"eyJhbGci…tlbg","openid":"oU"}`,
		`{"session_key":"3vQlF1c+Vqy8Fg==","openid":"oU"}`:                    `{"session_key":"••••","openid":"oU"}`,
		`{"access_token": "90_abcdef","expires_in":7200}`:                     `{"access_token": "••••","expires_in":7200}`,
		`/sns/jscode2session?appid=wx0&secret=any-secret&js_code=0b1c2d3e4f5`: `/sns/jscode2session?appid=wx0&secret=••••&js_code=0b1c2d…`,
		`/x?access_token=90_abcdef`:                                           `/x?access_token=••••`,
		`{"code":"0b1c2d3e4f5"}`:                                              `{"code":"0b1c2d…"}`,
		`__Host-wechat_login_ABC=AdQiUs0123456789; a=b`:                       `__Host-wechat_login_ABC=AdQiUs…; a=b`,
		"__Host-wechat_session=" + token + "; Path=/":                         `__Host-wechat_session=eyJhbG…; Path=/`,
		`X-WeChat-OpenID: oExampleUser0000000000000000`:                       `X-WeChat-OpenID: oExampleUser0000000000000000`,
	} {
		got := shorten(text)
		if got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
		if strings.Contains(got, token) {
			t.Errorf("%q shows a token", got)
		}
	}
	if got := claimsIn("Bearer " + token); got != "{\"alg\":\"HS256\"}\n{\"sub\":\"oU\"}" {
		t.Errorf("the token's claims are %q", got)
	}
}
