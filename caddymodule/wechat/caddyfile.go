// caddyfile.go: the global option `wechat`.

package wechat

import (
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("wechat", parseGlobalOption)
}

func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	if existing != nil {
		d.Next() // the option's name, for the line in the error
		return nil, d.Err("the global option wechat is given twice; merge the two blocks")
	}
	var app App
	if err := app.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "wechat", Value: caddyconfig.JSON(&app, nil)}, nil
}

// UnmarshalCaddyfile sets up the app from the global option. Syntax:
//
//	wechat {
//		app <appid> <secret> [mini|official|website|mobile] {
//			scope snsapi_base|snsapi_userinfo
//			push <token> [<aes_key>]
//		}
//		api_base <url> [insecure]
//		open_base <url>
//		api_timeout <duration>
//		session_lifetime <duration>
//		sessions_per_user <n>
//		data_max_age <duration>
//		login_rate <attempts> <window> | off
//		token {
//			algorithm HS256|EdDSA|ES256|RS256
//			issuer <string>
//			key_file <path>...
//			rotate_every <duration>
//		}
//		store <name> [<args...>] {
//			...
//		}
//		seal_key_file <path>...
//		unguarded <upstream>...
//	}
//
// Only app is required; it may be repeated, once for each app.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the option's name
	if d.NextArg() {
		// not the argument: it may be the secret
		return d.Err("wechat takes nothing but a block:  wechat { app <appid> <secret> }")
	}
	err := option.ReadBlock(d, "unknown wechat option%s",
		option.Many("app", a.unmarshalProgram),
		option.One("api_base", a.unmarshalAPIBase),
		option.One("open_base", func(d *caddyfile.Dispenser) error {
			defer func() { a.Lines.notePlaceholder(d, "open_base", a.OpenBase) }()
			return option.Checked(&a.OpenBase, checkOpenBase)(d)
		}),
		option.One("api_timeout", option.Set(&a.APITimeout, option.PositiveDuration)),
		option.One("session_lifetime", func(d *caddyfile.Dispenser) (err error) {
			if a.SessionLifetime, err = option.PositiveDuration(d); err != nil {
				return err
			}
			return option.Wrap(d, checkLifetime(a.SessionLifetime))
		}),
		option.One("sessions_per_user", option.Set(&a.SessionsPerUser, option.PositiveNumber)),
		option.One("data_max_age", func(d *caddyfile.Dispenser) error {
			age, err := option.Duration(d)
			if err != nil {
				return err
			}
			a.DataMaxAge = &age
			return option.Wrap(d, checkDataMaxAge(age))
		}),
		option.One("login_rate", option.Set(&a.LoginRate, unmarshalLoginRate)),
		option.One("token", func(d *caddyfile.Dispenser) error {
			a.Token = new(TokenConfig)
			err := a.Token.UnmarshalCaddyfile(d.NewFromNextSegment())
			for name, line := range a.Token.lines {
				a.Lines.add(name, line)
			}
			return err
		}),
		option.One("store", a.Lines.noted("store", option.Set(&a.StoreRaw, unmarshalStore))),
		option.One("seal_key_file", a.Lines.noted("seal_key_file", texts(&a.SealKeyFiles, "seal_key_file takes the paths of files, the one that seals first (is the environment variable set?)"))),
		option.One("unguarded", texts(&a.Unguarded, "unguarded takes the upstreams that are meant to be reached without wechat_auth, as reverse_proxy has them, such as  unguarded localhost:3000  (is the environment variable set?)")),
	)
	if err != nil {
		return err
	}
	if len(a.Apps) == 0 {
		return d.Err("wechat needs at least one app:  app <appid> <secret>")
	}
	return nil
}

// unmarshalAPIBase reads  api_base <url> [insecure]
func (a *App) unmarshalAPIBase(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 2 && args[1] == "insecure" {
		a.APIBaseInsecure, args = true, args[:1]
	}
	switch {
	case len(args) > 1:
		return d.Errf("api_base takes one URL, and perhaps the word insecure behind it; found %d values", len(args))
	case len(args) == 0 || args[0] == "":
		return d.Err("api_base needs a value (is the environment variable set?)")
	}
	a.APIBase = args[0]
	a.Lines.notePlaceholder(d, "api_base", a.APIBase)
	if option.IsPlaceholder(a.APIBase) {
		return nil
	}
	if _, bad := weixin.ParseBaseURL(a.APIBase, a.APIBaseInsecure); bad != nil {
		return d.Errf("api_base: %v", bad)
	}
	return nil
}

// texts reads one text or more, none of them empty. The usage is the error otherwise.
func texts(to *[]string, usage string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		if *to = d.RemainingArgs(); len(*to) == 0 || slices.Contains(*to, "") {
			return d.Err(usage)
		}
		return nil
	}
}

var _ caddyfile.Unmarshaler = (*App)(nil)
