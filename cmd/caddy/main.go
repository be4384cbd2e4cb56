// Command caddy is Caddy with the WeChat login gateway built in: the modules that
// xcaddy's binary has, compiled with the profile of a busy gateway (default.pgo,
// made by "make profile") and with a garbage collector set for a proxy.
package main

import (
	_ "time/tzdata"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddy-wechat/caddy-wechat/caddymodule"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() {
	tuneGC()
	caddycmd.Main()
}
