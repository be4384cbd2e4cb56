// caddyfile.go: the syntax of "store redis".

package redisstore

import (
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	opt "github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
)

// UnmarshalCaddyfile sets up the store from Caddyfile tokens. Syntax:
//
//	store redis <url>... [{
//		mode single|cluster|sentinel
//		master <name>
//		prefix <text>
//		tls_ca <file>
//		tls_cert <file> <key_file>
//		tls_server_name <name>
//		sentinel_auth [<user>] <password>
//		wait_replicas <n> [<timeout>]
//	}]
//
// Without a block, the one URL is a single server. Nothing is quoted from a line
// that may hold a password.
func (s *Store) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the store's name
	if s.URLs = d.RemainingArgs(); len(s.URLs) == 0 {
		return d.Err("store redis needs an address:  store redis redis://<host>  (is the environment variable set?)")
	}
	at := map[string]caddyfile.Dispenser{"": *d} // where each option is; "" is the store itself
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if _, seen := at[option]; seen {
			return d.Errf("%s is given twice", option)
		}
		at[option] = *d
		var err error
		switch option {
		case "mode":
			err = texts(d, &s.Mode)
		case "master":
			err = texts(d, &s.Master)
		case "prefix":
			err = texts(d, &s.Prefix)
		case "tls_ca":
			err = texts(d, &s.TLSCA)
		case "tls_cert":
			err = texts(d, &s.TLSCert, &s.TLSKey)
		case "tls_server_name":
			err = texts(d, &s.TLSServerName)
		case "sentinel_auth":
			if d.CountRemainingArgs() == 2 {
				err = texts(d, &s.SentinelUser, &s.SentinelPassword)
			} else {
				err = texts(d, &s.SentinelPassword)
			}
		case "wait_replicas":
			err = s.unmarshalWait(d)
		default:
			return d.Errf("%s of store redis: there are mode, master, prefix, tls_ca, tls_cert, tls_server_name, sentinel_auth and wait_replicas", unknown(option))
		}
		if err != nil {
			return err
		}
		if d.NextBlock(d.Nesting()) {
			return d.Errf("unexpected block behind %s", option)
		}
	}
	urls := s.hideURLs()
	if option, err := s.checkWritten(); err != nil {
		where := at[option]
		return where.WrapErr(err)
	}
	s.URLs = urls
	s.SentinelPassword, _ = opt.HideSecret(s.SentinelPassword)
	return nil
}

// checkWritten finds at once, and with the option's line, what Provision would
// refuse later; it leaves out values that may be anything once they are resolved.
func (s *Store) checkWritten() (option string, err error) {
	o := s.written()
	o.written = true
	if strings.Contains(o.SentinelUser+o.SentinelPassword, "{") {
		o.SentinelUser, o.SentinelPassword = "", ""
	}
	if strings.Contains(o.Prefix, "{") {
		o.Prefix = ""
	}
	_, _, option, err = o.read()
	return option, err
}

// texts reads exactly as many arguments as there are places for them.
func texts(d *caddyfile.Dispenser, to ...*string) error {
	option := d.Val()
	args := d.RemainingArgs()
	if len(args) != len(to) {
		return d.Errf("%s needs %d argument(s), found %d", option, len(to), len(args))
	}
	for i, arg := range args {
		if arg == "" {
			return d.Errf("%s is empty", option)
		}
		*to[i] = arg
	}
	return nil
}

func (s *Store) unmarshalWait(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 1 && len(args) != 2 {
		return d.Err("wait_replicas needs a number: wait_replicas <n> [<timeout>]")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return d.Errf("wait_replicas must be a number from 0 to 100%s", not(args[0]))
	}
	s.WaitReplicas = &n
	if len(args) == 2 {
		timeout, err := caddy.ParseDuration(args[1])
		if err != nil || timeout <= 0 { // 0 is the default
			return d.Errf("the timeout of wait_replicas must be a duration of at most %v%s", maxWait, not(args[1]))
		}
		s.WaitTimeout = caddy.Duration(timeout)
	}
	return nil
}
