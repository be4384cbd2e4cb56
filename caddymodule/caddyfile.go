// caddyfile.go: the global option `wechat`.

package caddymodule

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("wechat", parseGlobalOption)
}

func parseGlobalOption(d *caddyfile.Dispenser, existing any) (any, error) {
	if existing != nil {
		d.Next() // the option's name, for the line in the error
		return nil, d.Err("the global option wechat stands twice: put everything into one")
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
//		app <appid> <secret>
//		api_base <url>
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
//	}
//
// Only app is required; it may be repeated, once for each mini program.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the option's name
	if d.NextArg() {
		// not the argument: it may be the secret
		return d.Err("wechat takes nothing but a block:  wechat { app <appid> <secret> }")
	}
	var once optionsOnce
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if option != "app" {
			if err := once.note(d); err != nil {
				return err
			}
		}
		var err error
		switch option {
		case "app":
			err = a.unmarshalMiniProgram(d)
		case "api_base":
			a.APIBase, err = oneArg(d)
			if err == nil && !isPlaceholder(a.APIBase) {
				if bad := weixin.CheckBaseURL(a.APIBase); bad != nil {
					err = d.Errf("api_base: %v", bad)
				}
			}
		case "api_timeout":
			a.APITimeout, err = positiveDuration(d)
		case "session_lifetime":
			a.SessionLifetime, err = positiveDuration(d)
			if err == nil && (a.SessionLifetime < minSessionLifetime || a.SessionLifetime > maxSessionLifetime) {
				err = d.Err("session_lifetime must be at least 1s and at most 366 days")
			}
		case "sessions_per_user":
			a.SessionsPerUser, err = positiveNumber(d)
		case "data_max_age":
			var age caddy.Duration
			age, err = duration(d)
			if err == nil && age < 0 {
				err = d.Err("data_max_age must not be negative; 0 accepts any age")
			}
			a.DataMaxAge = &age
		case "login_rate":
			a.LoginRate, err = unmarshalLoginRate(d)
		case "token":
			a.Token = new(TokenConfig)
			err = a.Token.UnmarshalCaddyfile(d.NewFromNextSegment())
		case "seal_key_file":
			if a.SealKeyFiles = d.RemainingArgs(); len(a.SealKeyFiles) == 0 || slices.Contains(a.SealKeyFiles, "") {
				err = d.Err("seal_key_file takes the paths of files, the one that seals first")
			}
		case "store":
			a.StoreRaw, err = unmarshalStore(d)
		default:
			err = d.Errf("unknown wechat option %q: there are app, api_base, api_timeout, session_lifetime, "+
				"sessions_per_user, data_max_age, login_rate, token, store and seal_key_file", option)
		}
		if err != nil {
			return err
		}
		if d.NextBlock(nesting + 1) {
			return d.Errf("%s takes no block", option)
		}
	}
	if len(a.Apps) == 0 {
		return d.Err("wechat needs at least one mini program:  app <appid> <secret>")
	}
	return nil
}

func (a *App) unmarshalMiniProgram(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Err("app takes an AppID and a secret:  app <appid> <secret>  (an environment variable that is not set leaves nothing in its place)")
	}
	if !isPlaceholder(args[0]) {
		if err := checkAppID(args[0]); err != nil {
			return d.WrapErr(err)
		}
	}
	if args[1] == "" {
		return d.Errf("the secret of app %s is empty: is the environment variable set?", args[0])
	}
	for _, app := range a.Apps {
		if strings.EqualFold(app.AppID, args[0]) {
			return d.Errf("app %s is configured twice: keep one", args[0])
		}
	}
	app := &MiniProgram{AppID: args[0], Secret: hideSecret(args[1])}
	if app.Secret != args[1] {
		app.SecretDigest = secretDigest(args[1])
	}
	a.Apps = append(a.Apps, app)
	return nil
}

// unmarshalLoginRate reads  login_rate <attempts> <window>  or  login_rate off.
func unmarshalLoginRate(d *caddyfile.Dispenser) (*LoginRate, error) {
	args := d.RemainingArgs()
	if len(args) == 1 && args[0] == "off" {
		return &LoginRate{Attempts: -1}, nil
	}
	usage := d.Err("login_rate takes a number of attempts and a window, such as  login_rate 300 1m, or off")
	if len(args) != 2 {
		return nil, usage
	}
	attempts, err := strconv.Atoi(args[0])
	if err != nil || attempts < 1 {
		return nil, usage
	}
	window, err := caddy.ParseDuration(args[1])
	if err != nil {
		return nil, usage
	}
	limit := &LoginRate{Attempts: attempts, Window: caddy.Duration(window)}
	if window == 0 { // the JSON's 0 is the default, nobody writes it for that
		return nil, usage
	}
	if err := limit.resolve(); err != nil {
		return nil, d.WrapErr(err)
	}
	return limit, nil
}

// hideSecret keeps a secret that came from an environment variable out of the
// configuration, which Caddy stores and shows in its admin API: the Caddyfile
// has replaced {$NAME} by now, so the variable is found by its value. The Caddy
// that runs may have another value under that name: see secretDigest.
func hideSecret(secret string) string {
	if len(secret) < 8 || isPlaceholder(secret) {
		return secret
	}
	var names []string
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); value == secret {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return secret
	}
	return "{env." + slices.Min(names) + "}"
}

// UnmarshalCaddyfile sets up the block token of the global option.
func (c *TokenConfig) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // "token"
	if d.NextArg() {
		return d.Err("token takes nothing but a block:  token { algorithm <name> }")
	}
	var once optionsOnce
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := once.note(d); err != nil {
			return err
		}
		var err error
		option := d.Val()
		switch option {
		case "algorithm":
			if c.Algorithm, err = oneArg(d); err == nil {
				if _, wrong := token.ParseAlgorithm(c.Algorithm); wrong != nil {
					err = d.WrapErr(wrong)
				}
			}
		case "issuer":
			if c.Issuer, err = oneArg(d); err == nil && !isPlaceholder(c.Issuer) {
				if wrong := checkIssuer(c.Issuer); wrong != nil {
					err = d.WrapErr(wrong)
				}
			}
		case "key_file":
			if c.KeyFiles = d.RemainingArgs(); len(c.KeyFiles) == 0 || slices.Contains(c.KeyFiles, "") {
				err = d.Err("key_file takes the paths of files, the one that signs first")
			}
		case "rotate_every":
			c.RotateEvery, err = positiveDuration(d)
			if err == nil && c.RotateEvery < minRotation {
				err = d.Errf("rotate_every must be at least %v", time.Duration(minRotation))
			}
		default:
			err = d.Errf("unknown token option %q: there are algorithm, issuer, key_file and rotate_every", option)
		}
		if err != nil {
			return err
		}
		if d.NextBlock(nesting + 1) {
			return d.Errf("%s takes no block", option)
		}
	}
	if c.RotateEvery != 0 && len(c.KeyFiles) > 0 {
		return d.Err("rotate_every is for keys that the gateway keeps: with key_file, put a new file first and reload")
	}
	return nil
}

// checkIssuer has the token package judge an issuer, by way of a ring that nobody uses.
func checkIssuer(issuer string) error {
	key, err := token.GenerateKey(token.HS256)
	if err == nil {
		_, err = token.NewKeyring(token.Options{Issuer: issuer, MaxLifetime: time.Hour}, key)
	}
	return err
}

// unmarshalStore hands the rest of the line, and its block, to the store.
func unmarshalStore(d *caddyfile.Dispenser) (json.RawMessage, error) {
	if !d.NextArg() {
		return nil, d.Errf("store needs a name:  store <name>, one of %s", storeNames())
	}
	name := d.Val()
	if _, err := caddy.GetModule(storeNamespace + "." + name); err != nil {
		return nil, d.Errf("unknown store %q: this build has %s", name, storeNames())
	}
	module, err := caddyfile.UnmarshalModule(d, storeNamespace+"."+name)
	if err != nil {
		return nil, err
	}
	return caddyconfig.JSONModuleObject(module, "store", name, nil), nil
}

const storeNamespace = "wechat.stores"

func storeNames() string {
	var names []string
	for _, store := range caddy.GetModules(storeNamespace) {
		names = append(names, store.ID.Name())
	}
	return strings.Join(names, ", ")
}

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*App)(nil)
	_ caddyfile.Unmarshaler = (*TokenConfig)(nil)
)
