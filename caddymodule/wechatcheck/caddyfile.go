// caddyfile.go: the directive `wechat_check`.

package wechatcheck

import (
	"fmt"

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
	h.Line = fmt.Sprintf("%s:%d", d.File(), d.Line())
	if d.NextArg() {
		return d.Errf("unexpected argument %q: wechat_check takes a block and nothing else", d.Val())
	}
	err := option.ReadBlock(d, "unknown wechat_check option%s",
		option.One("app", wechat.ReadApps(&h.Apps, configured)),
		option.One("optional", option.Flag(&h.Optional)),
		option.One("cookie", option.Set(&h.Cookie, wechat.UnmarshalCookie)),
		option.One("headers", option.Set(&h.Headers, wechat.UnmarshalHeaders)),
		option.One("assertion", func(d *caddyfile.Dispenser) error { return h.unmarshalAssertion(d, configured) }),
	)
	if err != nil {
		return err
	}
	return option.Wrap(&directive, configured.CheckChoice(h.Apps))
}

func (h *Handler) unmarshalAssertion(d *caddyfile.Dispenser, configured *wechat.App) error {
	args := d.RemainingArgs()
	if len(args) != 1 || args[0] == "" {
		return d.WrapErr(errNoAudience)
	}
	h.Assertion = &wechat.Assertion{Audience: args[0]}
	return option.Wrap(d, h.Assertion.Check(configured))
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
