// caddyfile.go: the directive `wechat_auth`.

package wechatauth

import (
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
	h.Next() // the directive's name: the matcher is looked for behind it
	matcher, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, h.WrapErr(err)
	}
	handler := new(Handler)
	if err := handler.unmarshal(h.Dispenser, wechat.FromCaddyfile(h)); err != nil {
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
	var once option.Once
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if name != "public" && name != "trusted_origin" {
			if err := once.Note(d); err != nil {
				return err
			}
		}
		var err error
		switch name {
		case "public":
			err = h.unmarshalPublic(d)
		case "app":
			h.Apps, err = wechat.UnmarshalApps(d, configured)
		case "prefix":
			if h.Prefix, err = option.OneArg(d); err == nil {
				if wrong := checkPrefix(h.Prefix); wrong != nil {
					err = d.WrapErr(wrong)
				}
			}
		case "cookie":
			h.Cookie, err = wechat.UnmarshalCookie(d)
		case "web_login":
			h.WebLogin = new(WebLogin)
			err = h.WebLogin.unmarshal(d)
		case "trusted_origin":
			err = h.unmarshalTrusted(d)
		case "forward_token":
			h.ForwardToken = true
			if d.NextArg() {
				err = d.Err("forward_token takes no value")
			}
		case "headers":
			h.Headers, err = wechat.UnmarshalHeaders(d)
		case "assertion":
			err = h.unmarshalAssertion(d, configured)
		default:
			err = d.Errf("unknown wechat_auth option%s: there are public, app, prefix, cookie, web_login, trusted_origin, forward_token, headers and assertion", option.Name(name))
		}
		if err != nil {
			return err
		}
		if d.NextBlock(nesting + 1) {
			return d.Errf("%s takes no block", name)
		}
	}
	if h.WebLogin != nil {
		if err := configured.CheckWebLogin(h.Apps); err != nil {
			return directive.WrapErr(err)
		}
	}
	if len(h.Apps) == 0 && configured != nil {
		if _, err := configured.Choose(nil); err != nil {
			return directive.WrapErr(err)
		}
	}
	return nil
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
	h.Assertion = new(wechat.Assertion)
	if d.NextArg() {
		if h.Assertion.Audience = d.Val(); h.Assertion.Audience == "" {
			return d.Err("assertion: the audience is empty (is the environment variable set?)")
		}
	}
	if d.NextArg() {
		return d.Err("assertion takes one audience at most: what your backend compares the claim aud with")
	}
	if err := wechat.CheckAudience(h.Assertion.Audience); err != nil {
		return d.WrapErr(err)
	}
	if err := configured.CheckAsserts(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*Handler)(nil)
	_ caddy.Module          = (*Handler)(nil)
)
