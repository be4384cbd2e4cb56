// imports.go: everything that an xcaddy build gets: the app, its directives, and the
// stores. Other stores are guests of namespace wechat.stores, and are built in beside
// them.

package caddymodule

import (
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/localstore"
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/memorystore"
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore"
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/wechatapi"
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/wechatauth"
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/wechatcheck"
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/wechathealth"
	_ "github.com/caddy-wechat/caddy-wechat/caddymodule/wechatpush"
)
