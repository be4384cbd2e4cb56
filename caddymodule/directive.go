// directive.go: the directive `wechat_auth`.

package caddymodule

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	httpcaddyfile.RegisterDirective("wechat_auth", parseDirective)
	// after the other checks, before request_header: what an operator sets by
	// hand is the operator's word and comes after our scrub
	httpcaddyfile.RegisterDirectiveOrder("wechat_auth", httpcaddyfile.After, "forward_auth")
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
	if err := handler.unmarshal(h.Dispenser, configuredApp(h)); err != nil {
		return nil, err
	}
	if len(matcher) > 0 {
		handler.MatcherSetsRaw = append(handler.MatcherSetsRaw, matcher)
	}
	return h.NewRoute(nil, handler), nil
}

// configuredApp is what the global option says, which Caddy has read by now; nil
// without one.
func configuredApp(h httpcaddyfile.Helper) *App {
	option, ok := h.Option("wechat").(httpcaddyfile.App)
	app := new(App)
	if !ok || json.Unmarshal(option.Value, app) != nil {
		return nil
	}
	return app
}

// UnmarshalCaddyfile sets up the handler from the directive. Syntax:
//
//	wechat_auth [<matcher>] {
//		public <path>...
//		app <appid>... | *
//		prefix <path>
//		cookie [<name>]
//		forward_token
//	}
//
// Without a matcher, every request of the site must carry a live session, but
// for the public paths.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return h.unmarshal(d, nil)
}

// unmarshal also holds the site's apps against the configured ones, unless that is nil.
func (h *Handler) unmarshal(d *caddyfile.Dispenser, configured *App) error {
	d.Next() // the directive's name
	directive := *d
	if d.NextArg() {
		return d.Errf("unexpected argument %q: wechat_auth takes at most one matcher, a path that begins with /, or a name that begins with @", d.Val())
	}
	var once optionsOnce
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if option != "public" {
			if err := once.note(d); err != nil {
				return err
			}
		}
		var err error
		switch option {
		case "public":
			err = h.unmarshalPublic(d)
		case "app":
			err = h.unmarshalApps(d, configured)
		case "prefix":
			if h.Prefix, err = oneArg(d); err == nil {
				if wrong := checkPrefix(h.Prefix); wrong != nil {
					err = d.WrapErr(wrong)
				}
			}
		case "cookie":
			err = h.unmarshalCookie(d)
		case "forward_token":
			h.ForwardToken = true
			if d.NextArg() {
				err = d.Err("forward_token takes no value")
			}
		default:
			err = d.Errf("unknown wechat_auth option %q: there are public, app, prefix, cookie and forward_token", option)
		}
		if err != nil {
			return err
		}
		if d.NextBlock(nesting + 1) {
			return d.Errf("%s takes no block", option)
		}
	}
	if len(h.Apps) == 0 && configured != nil {
		if _, err := configured.choose(nil); err != nil {
			return directive.WrapErr(err)
		}
	}
	return nil
}

func (h *Handler) unmarshalPublic(d *caddyfile.Dispenser) error {
	paths := d.RemainingArgs()
	if len(paths) == 0 {
		return d.Err("public takes the paths that need no session, such as /healthz or /static/*")
	}
	for _, path := range paths {
		if err := checkPublicPattern(path); err != nil {
			return d.WrapErr(err)
		}
	}
	h.Public = append(h.Public, paths...)
	return nil
}

func (h *Handler) unmarshalApps(d *caddyfile.Dispenser, configured *App) error {
	if h.Apps = d.RemainingArgs(); len(h.Apps) == 0 {
		return d.Err("app takes the AppIDs whose sessions may enter, or * for all")
	}
	for i, name := range h.Apps {
		switch {
		case name == "*" && len(h.Apps) > 1:
			return d.Err("app * stands alone: it names every mini program already")
		case slices.Contains(h.Apps[:i], name):
			return d.Errf("app %s is named twice", name)
		case name == "*" || isPlaceholder(name):
			continue
		}
		if err := checkAppID(name); err != nil {
			return d.WrapErr(err)
		}
		if err := configured.checkNamed(name); err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}

// checkNamed refuses an app that is not configured, as far as that can be told
// before placeholders are resolved.
func (a *App) checkNamed(appid string) error {
	if a == nil || a.find(appid) != nil {
		return nil
	}
	var appids []string
	for _, program := range a.Apps {
		if isPlaceholder(program.AppID) {
			return nil
		}
		appids = append(appids, program.AppID)
	}
	return fmt.Errorf("app %s is not among those of the global option wechat: %s", appid, strings.Join(appids, ", "))
}

func (h *Handler) unmarshalCookie(d *caddyfile.Dispenser) (err error) {
	h.Cookie = defaultCookie
	if d.NextArg() {
		if h.Cookie, err = cookieName(d.Val()); err != nil {
			return d.Errf("cookie: %v: use letters, digits, - and _", err)
		}
	}
	if d.NextArg() {
		return d.Err("cookie takes one name at most")
	}
	return nil
}

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*Handler)(nil)
	_ caddy.Module          = (*Handler)(nil)
)
