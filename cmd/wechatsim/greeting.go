// greeting.go: what the command prints when it is ready.

package main

import (
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

const exampleUser = "oExampleUser0000000000000000"

// greet prints the address and lines to paste; of an app's secret it prints only that there is one.
func greet(w io.Writer, s settings, addr net.Addr) {
	base, open := baseURL(addr)
	appid, secret := wechattest.DemoAppID, "any-secret"
	apps := "any appid of WeChat's form, with any secret"
	if known := slices.Sorted(maps.Keys(s.options.Apps)); len(known) > 0 {
		appid, secret = known[0], "ITS_SECRET"
		apps = strings.Join(known, ", ")
	}
	fmt.Fprintf(w, "wechatsim plays api.weixin.qq.com on %s\n", base)
	fmt.Fprintf(w, "Apps: %s\n", apps)
	if open {
		fmt.Fprintln(w, "Careful: this address is not only for this machine, and whoever reaches it can log in as anybody.")
	}
	user := fmt.Sprintf(`{"appid":"%s","openid":"%s"}`, appid, exampleUser)
	fmt.Fprintf(w, `
For the gateway, in the Caddyfile's global wechat block:
  app %[2]s %[3]s
  api_base %[1]s

What wx.login gives on the phone:
  curl -s %[1]s/sim/login -d '%[4]s'
What a gateway does with that code:
  curl -s '%[1]s/sns/jscode2session?appid=%[2]s&secret=%[3]s&js_code=CODE&grant_type=authorization_code'
What wx.getUserInfo and the phone-number button give, after a login:
  curl -s %[1]s/sim/userinfo -d '%[4]s'
  curl -s %[1]s/sim/phone -d '%[4]s'
Trouble on order:
  curl -s %[1]s/sim/fault -d '{"path":"/sns/jscode2session","errcode":-1}'
  curl -s %[1]s/sim/fault -d '{"path":"/sns/jscode2session","delay":"3s","times":2}'

Ctrl+C stops it.
`, base, appid, secret, user)
}

// baseURL is an address to paste, and whether others can reach it.
func baseURL(addr net.Addr) (base string, open bool) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return "http://" + addr.String(), true
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(tcp.Port)), !tcp.IP.IsLoopback()
}
