// config.go: what stands in the gateways' Caddyfiles.

package main

import (
	"fmt"
	"time"
)

const (
	appID  = "wx00000000000000aa"
	secret = "not-a-secret-0123456789"

	// lifetime is short, so that tokens expire while the run goes on.
	lifetime = 20 * time.Second

	// perUser is little, so that people push out sessions of their own.
	perUser = 5

	apiTimeout = 3 * time.Second
)

// caddyfile is a gateway's configuration; a reload changes its timeout by a little.
func (g *gateway) caddyfile(w *world, version int) string {
	return fmt.Sprintf(`{
	admin %s
	persist_config off
	skip_install_trust
	auto_https off
	grace_period 2s
	storage file_system %s
	wechat {
		app %s %s
		api_base %s
		api_timeout %dms
		session_lifetime %s
		sessions_per_user %d
		store %s
	}
}
http://%s {
	bind 127.0.0.1
	wechat_auth {
		public /public/*
	}
	reverse_proxy %s
}
`, g.admin, g.storage, appID, secret, w.wechat.url, apiTimeout.Milliseconds()+int64(version), lifetime, perUser, g.store, g.site, w.backend.address)
}
