// caddyfile.go: the directive `wechat_push`.

package wechatpush

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
)

func init() { httpcaddyfile.RegisterDirective("wechat_push", parseDirective) }

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
//	wechat_push [<matcher>] {
//		app <appid>
//	}
//
// The block may be left out where one app alone has the option push.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return h.unmarshal(d, nil) }

// unmarshal also compares the app with the configured ones, unless that is nil.
func (h *Handler) unmarshal(d *caddyfile.Dispenser, configured *wechat.App) error {
	d.Next() // the directive's name
	directive := *d
	if d.NextArg() {
		return d.Errf("unexpected argument%s: wechat_push takes at most one matcher, a path that begins with /, or a name that begins with @", option.Name(d.Val()))
	}
	var once option.Once
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := once.Note(d); err != nil {
			return err
		}
		name := d.Val()
		switch name {
		case "app":
			var err error
			if h.AppID, err = option.OneArg(d); err != nil {
				return err
			}
			if err := configured.CheckPushApp(h.AppID); err != nil {
				return d.WrapErr(err)
			}
		default:
			return d.Errf("unknown wechat_push option%s: there is app", option.Name(name))
		}
		if d.NextBlock(nesting + 1) {
			return d.Errf("%s takes no block", name)
		}
	}
	if h.AppID == "" {
		if err := configured.CheckPushApp(""); err != nil {
			return directive.WrapErr(err)
		}
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
