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
	handler := new(Handler)
	matcher, err := wechat.ReadDirective(h, handler.unmarshal)
	if err != nil {
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
	err := option.ReadBlock(d, "unknown wechat_push option%s",
		option.One("app", func(d *caddyfile.Dispenser) (err error) {
			if h.AppID, err = option.OneArg(d); err != nil {
				return err
			}
			return option.Wrap(d, configured.CheckPushApp(h.AppID))
		}),
	)
	if err != nil {
		return err
	}
	if h.AppID == "" {
		return option.Wrap(&directive, configured.CheckPushApp(""))
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
