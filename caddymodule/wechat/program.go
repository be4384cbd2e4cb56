// program.go: the apps of the configuration, and which of them a site serves.

package wechat

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Program is one of WeChat's apps, as its console shows it.
type Program struct {
	// The AppID: `wx` and 16 hexadecimal digits.
	AppID string `json:"appid"`

	// The AppSecret. Write it as `{env.NAME}` or `{file./path}`, to keep it out
	// of the stored configuration.
	Secret string `json:"secret"`

	// A digest of the secret where the Caddyfile was read, set by the Caddyfile
	// adapter when it replaced the value by the name of its environment variable.
	// The running Caddy must find the same value there.
	SecretDigest string `json:"secret_digest,omitempty"`
}

// resolvePrograms makes the list of apps of what is configured.
func (a *App) resolvePrograms() error {
	if len(a.Apps) == 0 {
		return errors.New("no mini program is configured: add  app <appid> <secret>")
	}
	seen := make(map[string]bool)
	for _, program := range a.Apps {
		app, err := program.resolve()
		if err != nil {
			return err
		}
		// the digits' case does not make another app
		if seen[strings.ToLower(app.AppID)] {
			return option.Twice("app " + app.AppID)
		}
		seen[strings.ToLower(app.AppID)] = true
		a.apps = append(a.apps, app)
	}
	return nil
}

func (p *Program) resolve() (*apps.App, error) {
	if p == nil {
		return nil, errors.New("apps holds null where a mini program is expected")
	}
	appid, err := option.ResolveText("app", p.AppID)
	if err != nil {
		return nil, err
	}
	if err := option.CheckAppID(appid); err != nil {
		return nil, err
	}
	secret, err := option.ResolveText("secret of app "+appid, p.Secret)
	if err != nil {
		return nil, err
	}
	if secret == "" {
		return nil, fmt.Errorf("the secret of app %s is empty", appid)
	}
	if p.SecretDigest != "" && p.SecretDigest != secretDigest(secret) {
		return nil, fmt.Errorf("the secret of app %s: %s has another value in the running Caddy than where the Caddyfile was read: "+
			"restart Caddy, or keep the secret in a file and write {file./path}", appid, p.Secret)
	}
	p.AppID = appid
	return &apps.App{
		AppID: appid, Kind: session.Mini,
		Credentials: weixin.App{ID: appid, Secret: weixin.NewSecret(secret)},
	}, nil
}

// Choose returns the mini programs that a site names; "*" or, when there is
// but one, nothing names all.
func (a *App) Choose(appids []string) (apps.List, error) {
	if len(appids) == 0 {
		if len(a.Apps) > 1 {
			return nil, errors.New("several mini programs are configured: say which may enter here with  app <appid>...  or  app *")
		}
		return a.apps, nil
	}
	var chosen apps.List
	seen := make(map[string]bool)
	for _, name := range appids {
		if name == "*" {
			if len(appids) > 1 {
				return nil, errors.New("app * stands alone: it names every mini program already")
			}
			return a.apps, nil
		}
		appid, err := option.ResolveText("app", name)
		if err != nil {
			return nil, err
		}
		if err := option.CheckAppID(appid); err != nil {
			return nil, err
		}
		if seen[appid] {
			return nil, fmt.Errorf("%w", option.Twice("app "+appid))
		}
		seen[appid] = true
		app := a.apps.Find(appid)
		if app == nil {
			return nil, fmt.Errorf("app %q is not among those of the global option wechat", appid)
		}
		chosen = append(chosen, app)
	}
	return chosen, nil
}

func (a *App) unmarshalProgram(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Err("app takes an AppID and a secret:  app <appid> <secret>  (is the environment variable set?)")
	}
	if !option.IsPlaceholder(args[0]) {
		if err := option.CheckAppID(args[0]); err != nil {
			return d.WrapErr(err)
		}
	}
	if args[1] == "" {
		return d.Errf("the secret of app %s is empty: is the environment variable set?", args[0])
	}
	for _, app := range a.Apps {
		if strings.EqualFold(app.AppID, args[0]) {
			return d.WrapErr(option.Twice("app " + args[0]))
		}
	}
	app := &Program{AppID: args[0], Secret: hideSecret(args[1])}
	if app.Secret != args[1] {
		app.SecretDigest = secretDigest(args[1])
	}
	a.Apps = append(a.Apps, app)
	return nil
}

// hideSecret keeps a secret that came from an environment variable out of the
// configuration, which Caddy stores and shows in its admin API: the Caddyfile
// has replaced {$NAME} by now, so the variable is found by its value. The Caddy
// that runs may have another value under that name: see secretDigest.
func hideSecret(secret string) string {
	if len(secret) < 8 || option.IsPlaceholder(secret) {
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

// secretDigest tells two secrets apart and gives neither away: an AppSecret has
// 128 random bits.
func secretDigest(secret string) string {
	sum := sha256.Sum256([]byte("wechat app secret\x00" + secret))
	return hex.EncodeToString(sum[:8])
}
