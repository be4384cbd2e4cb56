// stores.go: the stores that come with the gateway. Others are guests of the
// same namespace, wechat.stores, and are built in beside it. What a store may
// offer beyond session.Store: session.Counter, Checker, Volatile, and Start (see
// starter in app.go).

package caddymodule

import (
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/localstore"
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/memorystore"
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore"
)
