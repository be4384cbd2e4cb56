// userinfo.go: user info as a phone has it of WeChat.

package gatewaytest

import (
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// UserInfoOf is what wx.getUserInfo gives on a user's phone now.
func UserInfoOf(t *testing.T, gw *Gateway, openid string) wechattest.UserInfo {
	t.Helper()
	info, err := gw.Sim.UserInfo(AppA, openid)
	if err != nil {
		t.Fatal(err)
	}
	return info
}
