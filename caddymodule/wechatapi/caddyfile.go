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
	handler := new(Handler)
	matcher, err := wechat.ReadDirective(h, handler.unmarshal)
	if err != nil {
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
	err := option.ReadBlock(d, "unknown wechat_api option%s",
		option.Many("key", h.unmarshalKey),
		option.One("app", func(d *caddyfile.Dispenser) (err error) {
			if h.AppID, err = option.OneArg(d); err != nil {
				return err
			}
			return option.Wrap(d, configured.CheckAPIApp(h.AppID))
		}),
		option.Many("allow", h.unmarshalAllow),
		option.One("timeout", option.Set(&h.Timeout, option.PositiveDuration)),
	)
	if err != nil {
		return err
	}
	if len(h.Keys) == 0 {
		return directive.WrapErr(errNoKey)
	}
	if strings.Join(h.KeyDigests, "") == "" {
		h.KeyDigests = nil // nothing was hidden
	}
	if h.AppID == "" {
		return option.Wrap(&directive, configured.CheckAPIApp(""))
	}
	return nil
}

func (h *Handler) unmarshalAllow(d *caddyfile.Dispenser) error {
	paths := d.RemainingArgs()
	if len(paths) == 0 {
		return d.Err("allow takes the paths that are relayed, such as /wxa/msg_sec_check or /cgi-bin/message/*")
	}
	h.Allow = append(h.Allow, paths...)
	return option.Wrap(d, relay.CheckAllow(paths))
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

var _ caddyfile.Unmarshaler = (*Handler)(nil)
