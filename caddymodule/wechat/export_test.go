package wechat

import "github.com/caddyserver/caddy/v2"

// What the tests look into: what the app holds in pools that outlive a configuration.
var (
	Clients = clients
	Pools   = []*caddy.UsagePool{clients, metricsPool, limiters, browserKeys}
)
