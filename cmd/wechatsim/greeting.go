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
	lines := []string{fmt.Sprintf("app %s any-secret", wechattest.DemoAppID)}
	apps, appid := "any appid of WeChat's form, with any secret, as any kind", wechattest.DemoAppID
	if known := slices.Sorted(maps.Keys(s.options.Apps)); len(known) > 0 {
		appid, lines, apps = known[0], nil, ""
		for _, id := range known {
			kind := string(s.options.Kinds[id])
			apps += ", " + id + " (" + kind + ")"
			line := "app " + id + " ITS_SECRET"
			if kind != string(wechattest.KindMini) {
				line += " " + kind
			}
			if push, ok := s.options.Pushes[id]; ok {
				line += " {\n    push ITS_TOKEN"
				if push.AESKey != "" {
					line += " ITS_AES_KEY"
				}
				line += "\n  }"
			}
			lines = append(lines, line)
		}
		apps = apps[2:]
	}
	fmt.Fprintf(w, "wechatsim plays api.weixin.qq.com and open.weixin.qq.com on %s\n", base)
	fmt.Fprintf(w, "Apps: %s\n", apps)
	if open {
		fmt.Fprintln(w, "Careful: this address is not only for this machine, and whoever reaches it can log in as anybody.")
	}
	fmt.Fprintf(w, `
For the gateway, in the Caddyfile's global wechat block:
  %[2]s
  api_base %[1]s%[3]s
  open_base %[1]s
`, base, strings.Join(lines, "\n  "), insecure(base))
	if mini := firstOf(s.options, appid, wechattest.KindMini); mini != "" {
		fmt.Fprintf(w, `
What wx.login gives on the phone:
  curl -s %[1]s/sim/login -d '%[3]s'
What a gateway does with that code:
  curl -s '%[1]s/sns/jscode2session?appid=%[2]s&secret=SECRET&js_code=CODE&grant_type=authorization_code'
What wx.getUserInfo and the phone-number button give, after a login:
  curl -s %[1]s/sim/userinfo -d '%[3]s'
  curl -s %[1]s/sim/phone -d '%[3]s'
`, base, mini, fmt.Sprintf(`{"appid":"%s","openid":"%s"}`, mini, exampleUser))
	}
	if web := firstOf(s.options, appid, wechattest.KindOfficial, wechattest.KindWebsite, wechattest.KindMobile); web != "" {
		fmt.Fprintf(w, `
The code that a page inside WeChat, a QR code or a mobile app gets:
  curl -s %[1]s/sim/oauth -d '{"appid":"%[2]s","openid":"%[3]s"}'
A browser gets it by picking somebody on the page to which the gateway sends it.
`, base, web, exampleUser)
	}
	if app := firstOf(s.options, appid, wechattest.KindMini, wechattest.KindOfficial); app != "" {
		fmt.Fprintf(w, `
A message pushed to the gateway:
  curl -s %[1]s/sim/push -d '{"url":"http://localhost/push","appid":"%[2]s"%[4]s,"message":{"ToUserName":"gh_1","FromUserName":"%[3]s","CreateTime":1,"MsgType":"text","Content":"hi","MsgId":1}}'
`, base, app, exampleUser, map[bool]string{false: `,"token":"TOKEN","aes_key":"AES_KEY"`}[s.options.Pushes[app].Token != ""])
	}
	fmt.Fprintf(w, `
Trouble on order:
  curl -s %[1]s/sim/fault -d '{"path":"/sns/jscode2session","errcode":-1}'
  curl -s %[1]s/sim/fault -d '{"path":"/sns/oauth2/access_token","delay":"3s","times":2}'

wechatsim -help shows all of it. Ctrl+C stops it.
`, base)
}

// insecure is the word that the gateway wants where http leaves the machine.
func insecure(base string) string {
	host, _, err := net.SplitHostPort(strings.TrimPrefix(base, "http://"))
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsLoopback() {
		return ""
	}
	return " insecure"
}

// firstOf is an app of one of the kinds to show calls with, or "". Where any appid goes, it is any app.
func firstOf(options wechattest.Options, any string, kinds ...wechattest.Kind) string {
	if len(options.Apps) == 0 {
		return any
	}
	for _, appid := range slices.Sorted(maps.Keys(options.Apps)) {
		if slices.Contains(kinds, options.Kinds[appid]) {
			return appid
		}
	}
	return ""
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
