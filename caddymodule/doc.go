// Package caddymodule is the WeChat login gateway for Caddy. Importing it registers all
// modules of the gateway; it holds no code of its own.
//
// A request in ten lines, for a site with the directive wechat_auth:
//
//	gate.Scrub       takes out what a client could say in the gateway's name
//	endpoint.Serve   answers what lies below the prefix: login, session, logout, ...
//	gate.Rules       reads the token, and finds the live session behind it
//	                 (a token that was seen before costs a look at a table)
//	problem          says 401 where one is needed and absent, 503 where the
//	                 store could not answer
//	gate.Remove      takes the token off the request
//	gate.Identify    writes X-WeChat-OpenID and its siblings
//	next             gets the request
//
// The modules, by directory:
//
//	wechat       the app "wechat" (global option), admin.api.wechat, the command "caddy wechat"
//	wechatauth   http.handlers.wechat_auth, the directive of that name
//	wechatcheck  http.handlers.wechat_check: the check for other proxies
//	wechatapi    http.handlers.wechat_api: WeChat's API for backends
//	wechatpush   http.handlers.wechat_push: what WeChat pushes, verified and in the clear
//	wechathealth http.handlers.wechat_health: the health, for probes
//	localstore   wechat.stores.local: sessions in a file, the default
//	memorystore  wechat.stores.memory
//	redisstore   wechat.stores.redis
//
// What they are made of knows no Caddy: package session (the contract of stores, and
// sessions on top of any), and the steps of a request below internal. Authors of stores
// begin with package session and its conformance suite, sessiontest; authors of tests
// with wechattest, a simulated WeChat.
package caddymodule
