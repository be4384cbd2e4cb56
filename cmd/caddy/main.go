// Command caddy is Caddy with the WeChat login gateway built in: the binary
// that xcaddy would make.
package main

import (
	_ "time/tzdata"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddy-wechat/caddy-wechat/caddymodule"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() { caddycmd.Main() }
