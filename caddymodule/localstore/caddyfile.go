// caddyfile.go: the syntax of "store local".

package localstore

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
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
	}
	if d.NextArg() {
		return d.Errf("store local takes one file, found %q behind it", d.Val())
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		switch option := d.Val(); option {
		case "max_sessions":
			if s.MaxSessions != 0 {
				return d.Err("max_sessions is given twice")
			}
			var text string
			if !d.Args(&text) {
				return d.Errf("max_sessions needs a number: max_sessions <n>")
			}
			if d.NextArg() {
				return d.Errf("max_sessions takes one number, found %q behind it", d.Val())
			}
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 {
				return d.Errf("max_sessions must be a whole number of at least 1, not %q", text)
			}
			s.MaxSessions = n
		default:
			return d.Errf("unknown option %q of store local", option)
		}
		if d.NextBlock(d.Nesting()) {
			return d.Errf("unexpected block at %q", d.Val())
		}
	}
	return nil
}
