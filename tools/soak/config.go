// config.go: what stands in the gateways' Caddyfiles.

package main

import (
	"fmt"
	"net"
	"time"
)

const (
	appID      = "wx00000000000000aa" // the mini program
	officialID = "wx00000000000000ab" // the Official Account, in whose pages people log in by redirect
	secret     = "not-a-secret-0123456789"

	cookieName = "__Host-wechat_session"

	// lifetime is short, so that tokens expire while the run goes on.
	lifetime = 20 * time.Second

	// perUser is little, so that people push out sessions of their own.
	perUser = 5

	apiTimeout = 3 * time.Second
)

// caddyfile is a gateway's configuration; a reload changes its timeout by a little.
func (g *gateway) caddyfile(w *world, version int) string {
	// any Host: browsers know both gateways on Redis by one name
	_, port, _ := net.SplitHostPort(g.site)
	return fmt.Sprintf(`{
	admin %[1]s
	persist_config off
	skip_install_trust
	auto_https off
	grace_period 2s
	storage file_system %[2]s
	wechat {
		app %[3]s %[4]s
		app %[11]s %[4]s official
		api_base %[5]s
		open_base %[5]s
		api_timeout %[6]dms
		session_lifetime %[7]s
		sessions_per_user %[8]d
		store %[9]s
	}
}
http://:%[10]s {
	bind 127.0.0.1
	wechat_auth {
		app *
		web_login
		public /public/*
	}
	reverse_proxy %[12]s
}
`, g.admin, g.storage, appID, secret, w.wechat.url, apiTimeout.Milliseconds()+int64(version), lifetime, perUser, g.store, port, officialID, w.backend.address)
}
