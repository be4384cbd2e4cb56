// caddyfile.go: the syntax of "store local".

package localstore

import (
	"strconv"
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
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch name := d.Val(); name {
		case "max_sessions":
			if s.MaxSessions != 0 {
				return d.Err("max_sessions is given twice")
			}
			var text string
			if !d.Args(&text) {
				return d.Errf("max_sessions needs a number: max_sessions <n>")
			}
			if d.NextArg() {
				return d.Errf("max_sessions takes one number:  max_sessions <n>")
			}
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 {
				return d.Errf("max_sessions:%s is not a whole number of at least 1", option.Shown(text))
			}
			s.MaxSessions = n
		default:
			return d.Errf("unknown option%s of store local: there is max_sessions", option.Name(name))
		}
		if d.NextBlock(d.Nesting()) {
			return d.Err("max_sessions takes no block")
		}
	}
	return nil
}
