// caddyfile.go: the global option `wechat`.

package wechat

import (
	"slices"

	"github.com/caddyserver/caddy/v2"
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
	var once option.Once
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if name != "app" {
			if err := once.Note(d); err != nil {
				return err
			}
		}
		var err error
		switch name {
		case "app":
			err = a.unmarshalProgram(d)
		case "api_base":
			err = a.unmarshalAPIBase(d)
		case "open_base":
			if a.OpenBase, err = option.OneArg(d); err == nil && !option.IsPlaceholder(a.OpenBase) {
				err = wrong(d, checkOpenBase(a.OpenBase))
			}
			a.Lines.notePlaceholder(d, name, a.OpenBase)
		case "api_timeout":
			a.APITimeout, err = option.PositiveDuration(d)
		case "session_lifetime":
			if a.SessionLifetime, err = option.PositiveDuration(d); err == nil {
				err = wrong(d, checkLifetime(a.SessionLifetime))
			}
		case "sessions_per_user":
			a.SessionsPerUser, err = option.PositiveNumber(d)
		case "data_max_age":
			var age caddy.Duration
			age, err = option.Duration(d)
			if err == nil {
				err = wrong(d, checkDataMaxAge(age))
			}
			a.DataMaxAge = &age
		case "login_rate":
			a.LoginRate, err = unmarshalLoginRate(d)
		case "token":
			a.Token = new(TokenConfig)
			err = a.Token.UnmarshalCaddyfile(d.NewFromNextSegment())
			for option, line := range a.Token.lines {
				if a.Lines == nil {
					a.Lines = make(Lines)
				}
				a.Lines[option] = line
			}
		case "seal_key_file":
			a.Lines.note(d, name)
			if a.SealKeyFiles = d.RemainingArgs(); len(a.SealKeyFiles) == 0 || slices.Contains(a.SealKeyFiles, "") {
				err = d.Err("seal_key_file takes the paths of files, the one that seals first")
			}
		case "unguarded":
			if a.Unguarded = d.RemainingArgs(); len(a.Unguarded) == 0 || slices.Contains(a.Unguarded, "") {
				err = d.Err("unguarded takes the upstreams that are meant to be reached without wechat_auth, as reverse_proxy has them, such as  unguarded localhost:3000")
			}
		case "store":
			a.Lines.note(d, name)
			a.StoreRaw, err = unmarshalStore(d)
		default:
			err = d.Errf("unknown wechat option%s: there are app, api_base, open_base, api_timeout, session_lifetime, "+
				"sessions_per_user, data_max_age, login_rate, token, store, seal_key_file and unguarded", option.Name(name))
		}
		if err != nil {
			return err
		}
		if d.NextBlock(nesting + 1) {
			return d.Errf("%s takes no block", name)
		}
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

// wrong gives the error of a rule, if there is one, its file and line.
func wrong(d *caddyfile.Dispenser, err error) error {
	if err == nil {
		return nil
	}
	return d.WrapErr(err)
}

var _ caddyfile.Unmarshaler = (*App)(nil)
