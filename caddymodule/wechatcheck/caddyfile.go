// caddyfile.go: the directive `wechat_check`.

package wechatcheck

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
)

func init() {
	httpcaddyfile.RegisterDirective("wechat_check", parseDirective)
}

func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive's name: the matcher is looked for behind it
	if _, has, err := h.MatcherToken(); err != nil {
		return nil, h.WrapErr(err)
	} else if has {
		return nil, h.Errf("wechat_check takes no matcher, here %s: it must be reached by every request on its listener. %s", h.Val(), why)
	}
	h.Reset()
	handler := new(Handler)
	if err := handler.unmarshal(h.Dispenser, wechat.FromCaddyfile(h)); err != nil {
		return nil, err
	}
	return wechat.NewRoute(h, nil, handler), nil
}

// UnmarshalCaddyfile sets up the handler from the directive. Syntax:
//
//	wechat_check {
//		app <appid>... | *
//		optional
//		cookie [<name>]
//		headers <dialect>...
//		assertion <audience>
//	}
//
// It takes no matcher, and must be on a listener of its own.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return h.unmarshal(d, nil)
}

// unmarshal also compares the apps with the configured ones, unless that is nil.
func (h *Handler) unmarshal(d *caddyfile.Dispenser, configured *wechat.App) error {
	d.Next() // the directive's name
	directive := *d
	if d.NextArg() {
		return d.Errf("unexpected argument %q: wechat_check takes a block and nothing else", d.Val())
	}
	var once option.Once
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if err := once.Note(d); err != nil {
			return err
		}
		var err error
		switch name {
		case "app":
			h.Apps, err = wechat.UnmarshalApps(d, configured)
		case "optional":
			h.Optional = true
			if d.NextArg() {
				err = d.Err("optional takes no value")
			}
		case "cookie":
			h.Cookie, err = wechat.UnmarshalCookie(d)
		case "headers":
			h.Headers, err = wechat.UnmarshalHeaders(d)
		case "assertion":
			err = h.unmarshalAssertion(d, configured)
		default:
			err = d.Errf("unknown wechat_check option%s: there are app, optional, cookie, headers and assertion", option.Name(name))
		}
		if err != nil {
			return err
		}
		if d.NextBlock(nesting + 1) {
			return d.Errf("%s takes no block", name)
		}
	}
	if len(h.Apps) == 0 && configured != nil {
		if _, err := configured.Choose(nil); err != nil {
			return directive.WrapErr(err)
		}
	}
	return nil
}

func (h *Handler) unmarshalAssertion(d *caddyfile.Dispenser, configured *wechat.App) error {
	args := d.RemainingArgs()
	if len(args) != 1 || args[0] == "" {
		return d.WrapErr(errNoAudience)
	}
	if err := wechat.CheckAudience(args[0]); err != nil {
		return d.WrapErr(err)
	}
	if err := configured.CheckAsserts(); err != nil {
		return d.WrapErr(err)
	}
	h.Assertion = &wechat.Assertion{Audience: args[0]}
	return nil
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
