// phone.go: phone numbers as a phone has them of WeChat.

package gatewaytest

import (
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// PhoneOn is what the phone button gives on a user's phone.
func PhoneOn(t *testing.T, gw *Gateway, openid string) wechattest.Phone {
	t.Helper()
	p, err := gw.Sim.Phone(AppA, openid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ByCode is a call of /wechat/phone with a fresh code of the user's.
func ByCode(t *testing.T, gw *Gateway, token, openid string) Call {
	t.Helper()
	return Post("/wechat/phone", token, Members{"code": PhoneOn(t, gw, openid).Code})
}
