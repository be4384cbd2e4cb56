// caddyfile.go: the syntax of "store memory".

package memorystore

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
)

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	store memory [{
//		max_sessions <n>
//	}]
//
// Without a block, a million sessions may be live.
func (s *Store) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the store's name
	if d.NextArg() {
		return d.Err("store memory takes no argument: what it keeps is in memory")
	}
	return option.ReadBlock(d, "unknown option%s of store memory", option.One("max_sessions", option.MaxSessions(&s.MaxSessions)))
}
