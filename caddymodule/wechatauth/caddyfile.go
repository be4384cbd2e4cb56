// caddyfile.go: the directive `wechat_auth`.

package wechatauth

import (
	"fmt"
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weblogin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
)

func init() {
	httpcaddyfile.RegisterDirective("wechat_auth", parseDirective)
}

// parseDirective makes the route of a wechat_auth line. The matcher is the
// handler's own, not the route's: requests that it does not match lose their
// forged headers all the same, and the endpoints are served for all.
func parseDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	handler := new(Handler)
	matcher, err := wechat.ReadDirective(h, handler.unmarshal)
	if err != nil {
		return nil, err
	}
	if len(matcher) > 0 {
		handler.MatcherSetsRaw = append(handler.MatcherSetsRaw, matcher)
	}
	return wechat.NewRoute(h, nil, handler), nil
}

// UnmarshalCaddyfile sets up the handler from the directive. Syntax:
//
//	wechat_auth [<matcher>] {
//		public <path>...
//		app <appid>... | *
//		prefix <path>
//		cookie [<name>]
//		web_login {
//			via <origin>
//			for <origin>...
//		}
//		trusted_origin <origin>...
//		forward_token
//		headers <dialect>...
//		assertion [<audience>]
//	}
//
// Without a matcher, every request of the site must carry a live session, but
// for the public paths.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return h.unmarshal(d, nil)
}

// unmarshal also compares the site's apps with the configured ones, unless that is nil.
func (h *Handler) unmarshal(d *caddyfile.Dispenser, configured *wechat.App) error {
	d.Next() // the directive's name
	directive := *d
	if d.NextArg() {
		return d.Errf("unexpected argument%s: wechat_auth takes at most one matcher, a path that begins with /, or a name that begins with @", option.Name(d.Val()))
	}
	err := option.ReadBlock(d, "unknown wechat_auth option%s",
		option.Many("public", h.unmarshalPublic),
		option.One("app", wechat.ReadApps(&h.Apps, configured)),
		option.One("prefix", func(d *caddyfile.Dispenser) (err error) {
			if h.Prefix, err = option.OneArg(d); err != nil {
				return err
			}
			return option.Wrap(d, checkPrefix(h.Prefix))
		}),
		option.One("cookie", option.Set(&h.Cookie, wechat.UnmarshalCookie)),
		option.One("web_login", func(d *caddyfile.Dispenser) error {
			h.WebLogin = new(WebLogin)
			return h.WebLogin.unmarshal(d)
		}),
		option.Many("trusted_origin", h.unmarshalTrusted),
		option.One("forward_token", option.Flag(&h.ForwardToken)),
		option.One("headers", option.Set(&h.Headers, wechat.UnmarshalHeaders)),
		option.One("assertion", func(d *caddyfile.Dispenser) error { return h.unmarshalAssertion(d, configured) }),
	)
	if err != nil {
		return err
	}
	if h.WebLogin != nil {
		if err := configured.CheckWebLogin(h.Apps); err != nil {
			return directive.WrapErr(err)
		}
	}
	return option.Wrap(&directive, configured.CheckChoice(h.Apps))
}

func (h *Handler) unmarshalTrusted(d *caddyfile.Dispenser) error {
	origins := d.RemainingArgs()
	if len(origins) == 0 {
		return d.Err("trusted_origin takes the origins whose pages may call this site, such as https://app.example.com, or * for all, by token alone")
	}
	if _, err := weblogin.ParseTrustedOrigins(origins...); err != nil {
		return d.WrapErr(err)
	}
	h.TrustedOrigins = append(h.TrustedOrigins, origins...)
	return nil
}

func (h *Handler) unmarshalPublic(d *caddyfile.Dispenser) error {
	paths := d.RemainingArgs()
	if len(paths) == 0 {
		return d.Err("public takes the paths that need no session, such as /healthz or /static/*")
	}
	for _, path := range paths {
		if err := gate.CheckPublicPattern(path); err != nil {
			return d.WrapErr(err)
		}
	}
	h.Public = append(h.Public, paths...)
	return nil
}

func (h *Handler) unmarshalAssertion(d *caddyfile.Dispenser, configured *wechat.App) error {
	h.Assertion = &wechat.Assertion{Line: fmt.Sprintf("%s:%d", d.File(), d.Line())}
	if d.NextArg() {
		if h.Assertion.Audience = d.Val(); h.Assertion.Audience == "" {
			return d.Err("assertion: the audience is empty (is the environment variable set?)")
		}
	}
	if d.NextArg() {
		return d.Err("assertion takes one audience at most: what your backend compares the claim aud with")
	}
	return option.Wrap(d, h.Assertion.Check(configured))
}

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*Handler)(nil)
	_ caddy.Module          = (*Handler)(nil)
)
