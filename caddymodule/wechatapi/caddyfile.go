// caddyfile.go: the directive `wechat_api`.

package wechatapi

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/relay"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
)

func init() { httpcaddyfile.RegisterDirective("wechat_api", parseDirective) }

func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive's name: the matcher is looked for behind it
	matcher, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, h.WrapErr(err)
	}
	handler := new(Handler)
	if err := handler.unmarshal(h.Dispenser, wechat.FromCaddyfile(h)); err != nil {
		return nil, err
	}
	return wechat.NewRoute(h, matcher, handler), nil
}

// UnmarshalCaddyfile sets up the handler from the directive. Syntax:
//
//	wechat_api [<matcher>] {
//		key <secret>
//		app <appid>
//		allow <path>...
//		timeout <duration>
//	}
//
// Only key is required; key and allow may be repeated.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return h.unmarshal(d, nil) }

// unmarshal also compares the app with the configured ones, unless that is nil.
func (h *Handler) unmarshal(d *caddyfile.Dispenser, configured *wechat.App) error {
	d.Next() // the directive's name
	directive := *d
	if d.NextArg() {
		// not the argument: it may be a key
		return d.Err("wechat_api takes at most one matcher, and a block with key <secret>")
	}
	var once option.Once
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if name != "key" && name != "allow" {
			if err := once.Note(d); err != nil {
				return err
			}
		}
		var err error
		switch name {
		case "key":
			err = h.unmarshalKey(d)
		case "app":
			if h.AppID, err = option.OneArg(d); err == nil {
				err = wrapped(d, configured.CheckAPIApp(h.AppID))
			}
		case "allow":
			paths := d.RemainingArgs()
			if len(paths) == 0 {
				return d.Err("allow takes the paths that are relayed, such as /wxa/msg_sec_check or /cgi-bin/message/*")
			}
			err = wrapped(d, relay.CheckAllow(paths))
			h.Allow = append(h.Allow, paths...)
		case "timeout":
			h.Timeout, err = option.PositiveDuration(d)
		default:
			err = d.Errf("unknown wechat_api option%s: there are key, app, allow and timeout", option.Name(name))
		}
		if err != nil {
			return err
		}
		if d.NextBlock(nesting + 1) {
			return d.Errf("%s takes no block", name)
		}
	}
	if len(h.Keys) == 0 {
		return directive.WrapErr(errNoKey)
	}
	if strings.Join(h.KeyDigests, "") == "" {
		h.KeyDigests = nil // nothing was hidden
	}
	if h.AppID == "" {
		return wrapped(&directive, configured.CheckAPIApp(""))
	}
	return nil
}

func (h *Handler) unmarshalKey(d *caddyfile.Dispenser) error {
	key, err := option.OneArg(d)
	if err != nil {
		return err
	}
	if option.IsPlaceholder(key) {
		h.KeyLine = fmt.Sprintf("%s:%d", d.File(), d.Line())
	} else {
		if err := relay.CheckKey(key); err != nil {
			return d.WrapErr(err)
		}
	}
	hidden, digest := option.HideSecret(key)
	h.Keys, h.KeyDigests = append(h.Keys, hidden), append(h.KeyDigests, digest)
	return nil
}

// wrapped gives the error of a rule, if there is one, its file and line.
func wrapped(d *caddyfile.Dispenser, err error) error {
	if err == nil {
		return nil
	}
	return d.WrapErr(err)
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
