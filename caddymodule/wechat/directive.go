// directive.go: what the directives of the gateway need of the app, in the Caddyfile
// and when they are provisioned.

package wechat

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// The directives come after the other checks and before request_header: what an
// operator sets by hand is the operator's word, and comes after our scrub. The health
// comes first: probes have no session. Caddy knows no order among guests, so the one
// that is registered last comes first.
func init() {
	for _, directive := range []string{"wechat_api", "wechat_check", "wechat_auth", "wechat_push", "wechat_health"} {
		httpcaddyfile.RegisterDirectiveOrder(directive, httpcaddyfile.After, "forward_auth")
	}
}

// Configured returns the app of the configuration that is being provisioned, for
// one of its directives.
func Configured(ctx caddy.Context, directive string) (*App, error) {
	app, err := ctx.AppIfConfigured("wechat")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, fmt.Errorf("%s needs a mini program: add the global option  wechat { app <appid> <secret> }", directive)
	}
	if err != nil {
		return nil, err
	}
	return app.(*App), nil
}

// OnStart has a directive look at the servers of its configuration when that is about
// to run, which is the first time that all of them are there. An error keeps the
// configuration from being loaded; Caddy starts apps in any order, so the servers may
// have answered for a moment by then.
func (a *App) OnStart(check func(*caddyhttp.App) error) { a.starting = append(a.starting, check) }

// checkServers does what OnStart was given.
func (a *App) checkServers() error {
	if len(a.starting) == 0 {
		return nil
	}
	app, err := a.ctx.App("http")
	if err != nil {
		return err
	}
	for _, check := range a.starting {
		if err := check(app.(*caddyhttp.App)); err != nil {
			return err
		}
	}
	return nil
}

// FromCaddyfile is what the global option says, which Caddy has read by now; nil
// without one.
func FromCaddyfile(h httpcaddyfile.Helper) *App {
	option, ok := h.Option("wechat").(httpcaddyfile.App)
	app := new(App)
	if !ok || json.Unmarshal(option.Value, app) != nil {
		return nil
	}
	return app
}

// ReadDirective reads a directive of the Caddyfile: its matcher, which is returned, and
// the rest by the handler's own reader, with what FromCaddyfile returns.
func ReadDirective(h httpcaddyfile.Helper, unmarshal func(*caddyfile.Dispenser, *App) error) (caddy.ModuleMap, error) {
	h.Next() // the directive's name: the matcher is looked for behind it
	matcher, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, h.WrapErr(err)
	}
	return matcher, unmarshal(h.Dispenser, FromCaddyfile(h))
}

// checkNamed refuses what is no AppID, or that of an app that is not configured, as far
// as that can be told before placeholders are resolved.
func (a *App) checkNamed(appid string) error {
	if err := option.CheckAppID(appid); err != nil || a == nil {
		return err
	}
	var appids []string
	for _, program := range a.Apps {
		if program.AppID == appid || option.IsPlaceholder(program.AppID) {
			return nil
		}
		appids = append(appids, program.AppID)
	}
	return fmt.Errorf("app %s is not among those of the global option wechat: %s", appid, strings.Join(appids, ", "))
}

// ErrNoWebApp means that a site with web_login has no app that logs in by redirect.
var ErrNoWebApp = errors.New("web_login needs an app that logs in by redirect: name one of kind official (pages inside WeChat) or website (QR code) among the apps of the site")

// CheckWebLogin refuses a site with web_login whose apps cannot log in by redirect, as
// far as that can be told before placeholders are resolved.
func (a *App) CheckWebLogin(names []string) error {
	if a == nil {
		return nil
	}
	all := len(names) == 0 || slices.Contains(names, "*")
	for _, program := range a.Apps {
		named := all || slices.Contains(names, program.AppID) ||
			option.IsPlaceholder(program.AppID) || slices.ContainsFunc(names, option.IsPlaceholder)
		if kind := program.kind(); named && (kind == session.Official || kind == session.Website) {
			return nil
		}
	}
	return ErrNoWebApp
}
