// stores.go: the stores that come with the gateway. Others are guests of the
// same namespace, wechat.stores, and are built in beside it.

package caddymodule

import (
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/localstore"
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/memorystore"
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore"
)
