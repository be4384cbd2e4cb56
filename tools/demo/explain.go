// explain.go: what to do next, to copy and paste.

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const demoUser = "oExampleUser0000000000000000"

// explain prints a whole login as lines for a POSIX shell.
func (s settings) explain(out io.Writer, dir string) {
	fmt.Fprintf(out, "\nThe gateway is at %s, in front of %s.\n", s.gateway, s.behind())
	if s.simulator != "" {
		fmt.Fprintf(out, "WeChat is played by a simulator at %s: no account is needed, and anybody can log in as anybody.\n", s.apiBase)
	} else {
		fmt.Fprintf(out, "It asks %s about the users of %s.\n", s.apiBase, s.appid)
	}

	if s.pageListen != "" {
		fmt.Fprintf(out, "\nSee it work, in a browser: %s\nOr read on.\n", s.page())
	}

	fmt.Fprint(out, "\n1. A code, as wx.login gives it on the phone:\n\n")
	if s.simulator != "" {
		fmt.Fprintf(out, "  code=$(curl -s %s/sim/login -d '{\"appid\":\"%s\",\"openid\":\"%s\"}' | cut -d '\"' -f 4)\n", s.apiBase, s.appid, demoUser)
	} else {
		fmt.Fprint(out, "  code=...    # in the developer tools' console: wx.login({ success: r => console.log(r.code) })\n")
	}
	fmt.Fprintf(out, `
2. The login, which gives a token:

  token=$(curl -s %[1]s/wechat/login -H 'Content-Type: application/json' -d "{\"appid\":\"%[2]s\",\"code\":\"$code\"}" | sed 's/.*"token":"\([^"]*\)".*/\1/')

3. Requests, without the token and with it; the backend is told who is calling:

  curl -si %[1]s/hello; echo
  curl -s %[1]s/hello -H "Authorization: Bearer $token"
  curl -s %[1]s/wechat/session -H "Authorization: Bearer $token"; echo
`, s.gateway, s.appid)
	if s.simulator != "" {
		fmt.Fprintf(out, `
4. User info, as wx.getUserProfile gives it; from now on the backend has it, too:

  curl -s %[2]s/sim/userinfo -d '{"appid":"%[4]s","openid":"%[3]s"}' | curl -s %[1]s/wechat/userinfo -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d @-; echo
  curl -s %[1]s/hello -H "Authorization: Bearer $token"
`, s.gateway, s.apiBase, demoUser, s.appid)
	}
	fmt.Fprintf(out, `
Last, the logout; the token is worth nothing then:

  curl -si -X POST %[1]s/wechat/logout -H "Authorization: Bearer $token"
  curl -si %[1]s/hello -H "Authorization: Bearer $token"; echo

The logs are %[2]s. Ctrl-C ends it all.
`, s.gateway, s.logs(dir))
}

func (s settings) behind() string {
	if s.demoBackend {
		return "a demo backend"
	}
	return s.backend
}

func (s settings) logs(dir string) string {
	if here, err := os.Getwd(); err == nil {
		if relative, err := filepath.Rel(here, dir); err == nil {
			dir = relative
		}
	}
	names := []string{filepath.Join(dir, "caddy.log")}
	if s.simulator != "" {
		names = append(names, filepath.Join(dir, "wechatsim.log"))
	}
	return strings.Join(names, " and ")
}
