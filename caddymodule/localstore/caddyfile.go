// caddyfile.go: the syntax of "store local".

package localstore

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
)

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	store local [<file>] [{
//		max_sessions <n>
//	}]
//
// Without a file it is wechat/sessions.db in Caddy's storage; without a block, a
// million sessions may be live.
func (s *Store) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the store's name
	if d.NextArg() {
		if s.File = d.Val(); s.File == "" {
			return d.Err("the file of store local is empty")
		}
		if strings.Contains(s.File, "://") { // not which: it may hold a password
			return d.Err("store local takes a file, not a URL; Redis is  store redis <url>")
		}
	}
	if d.NextArg() {
		return d.Errf("store local takes one file:  store local [<file>]")
	}
	return option.ReadBlock(d, "unknown option%s of store local", option.One("max_sessions", option.MaxSessions(&s.MaxSessions)))
}
