// program.go: the apps of the configuration, and which of them a site serves.

package wechat

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/message"
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

	// What kind of app it is: `mini` (mini program or mini game), `official` (Official
	// Account: pages inside WeChat), `website` (Open Platform website: QR code) or
	// `mobile` (Open Platform mobile app). Default: `mini`
	Kind session.Kind `json:"kind,omitempty"`

	// What a login by redirect asks an Official Account's user for: `snsapi_base` (the
	// openid, silently) or `snsapi_userinfo` (a dialog). Default: `snsapi_base`
	Scope string `json:"scope,omitempty"`

	// The message push of the app; only for `mini` and `official`. Default: none
	Push *Push `json:"push,omitempty"`
}

// Push holds what an app's console shows under message push (消息推送).
type Push struct {
	// The Token: 3 to 32 letters and digits.
	Token string `json:"token"`

	// The EncodingAESKey: 43 letters and digits. Default: none, messages come in the clear.
	AESKey string `json:"aes_key,omitempty"`

	// As SecretDigest of the app.
	TokenDigest  string `json:"token_digest,omitempty"`
	AESKeyDigest string `json:"aes_key_digest,omitempty"`
}

// resolvePrograms makes the list of apps of what is configured.
func (a *App) resolvePrograms() error {
	if len(a.Apps) == 0 {
		return errors.New("no app is configured: add  app <appid> <secret>")
	}
	seen := make(map[string]bool)
	for _, program := range a.Apps {
		app, err := program.resolve()
		if err != nil {
			if program != nil {
				err = a.Lines.at("app "+program.AppID, err)
			}
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
		return nil, errors.New("apps holds null where an app is expected")
	}
	appid, err := option.ResolveText("app", p.AppID)
	if err != nil {
		return nil, err
	}
	if err := option.CheckAppID(appid); err != nil {
		return nil, err
	}
	secret, err := resolveSecret("the secret of app "+appid, p.Secret, p.SecretDigest)
	if err != nil {
		return nil, err
	}
	if secret == "" {
		return nil, fmt.Errorf("the secret of app %s is empty", appid)
	}
	if p.Kind == "" {
		p.Kind = session.Mini
	}
	if err := errors.Join(checkKind(p.Kind), p.checkScope(), p.checkPushKind()); err != nil {
		return nil, err
	}
	app := &apps.App{
		AppID: appid, Kind: p.Kind, Scope: p.Scope,
		Credentials: weixin.App{ID: appid, Secret: weixin.NewSecret(secret)},
	}
	if p.Push != nil {
		if app.Push, err = p.Push.resolve(appid); err != nil {
			return nil, err
		}
	}
	p.AppID = appid
	return app, nil
}

func (p *Push) resolve(appid string) (*message.Receiver, error) {
	token, err := resolveSecret("the push token of app "+appid, p.Token, p.TokenDigest)
	if err != nil {
		return nil, err
	}
	key, err := resolveSecret("the push aes_key of app "+appid, p.AESKey, p.AESKeyDigest)
	if err != nil {
		return nil, err
	}
	receiver, err := message.NewReceiver(appid, token, key)
	if err != nil {
		return nil, fmt.Errorf("push of app %s: %w", appid, err)
	}
	return receiver, nil
}

// resolveSecret resolves a secret, and compares it with its digest.
func resolveSecret(what, written, digest string) (string, error) {
	secret, err := option.ResolveText(what, written)
	if err != nil {
		return "", err
	}
	return secret, option.CheckDigest(what, written, secret, digest)
}

// The rules of an app, for the Caddyfile and for JSON.

func checkKind(kind session.Kind) error {
	switch kind {
	case session.Mini, session.Official, session.Website, session.Mobile:
		return nil
	}
	// not which: what is in the wrong place may be the secret
	return errors.New("the kind of an app is mini, official, website or mobile")
}

func (p *Program) checkScope() error {
	switch {
	case p.Scope == "":
	case p.Kind != session.Official:
		return fmt.Errorf("scope is for apps of kind official; app %s is of kind %s", p.AppID, string(p.kind()))
	case p.Scope != "snsapi_base" && p.Scope != "snsapi_userinfo":
		return fmt.Errorf("scope of app %s is snsapi_base or snsapi_userinfo", p.AppID)
	}
	return nil
}

func (p *Program) checkPushKind() error {
	if p.Push != nil && p.kind() != session.Mini && p.kind() != session.Official {
		return fmt.Errorf("push is for apps of kind mini and official: WeChat pushes nothing for app %s of kind %s", p.AppID, string(p.Kind))
	}
	return nil
}

func (p *Program) kind() session.Kind { return cmp.Or(p.Kind, session.Mini) }

// CheckChoice refuses a site that names no app where several are configured. The
// configured app may be nil: nothing is known of it then.
func (a *App) CheckChoice(appids []string) error {
	if a == nil || len(appids) > 0 {
		return nil
	}
	_, err := a.Choose(nil)
	return err
}

// Choose returns the mini programs that a site names; "*" or, when there is
// but one, nothing names all.
func (a *App) Choose(appids []string) (apps.List, error) {
	if len(appids) == 0 {
		if len(a.Apps) > 1 {
			return nil, errors.New("several apps are configured: say which may enter here with  app <appid>...  or  app *")
		}
		return a.apps, nil
	}
	var chosen apps.List
	seen := make(map[string]bool)
	for _, name := range appids {
		if name == "*" {
			if len(appids) > 1 {
				return nil, errors.New("app * stands alone: it names every app already")
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

// unmarshalProgram reads  app <appid> <secret> [<kind>] { ... }
func (a *App) unmarshalProgram(d *caddyfile.Dispenser) error {
	line := *d
	args := d.RemainingArgs()
	if len(args) < 2 || len(args) > 3 {
		return d.Err("app takes an AppID, a secret, and perhaps a kind:  app <appid> <secret> [mini|official|website|mobile]  (is the environment variable set?)")
	}
	if !option.IsPlaceholder(args[0]) {
		if err := option.CheckAppID(args[0]); err != nil {
			return d.WrapErr(err)
		}
	}
	// an unset variable leaves nothing behind in a line, and what comes next takes its place
	if args[1] == "" || len(args) == 2 && checkKind(session.Kind(args[1])) == nil {
		return d.Errf("the secret of app %s is empty: is the environment variable set?", args[0])
	}
	for _, app := range a.Apps {
		if strings.EqualFold(app.AppID, args[0]) {
			return d.WrapErr(option.Twice("app " + args[0]))
		}
	}
	app := &Program{AppID: args[0]}
	app.Secret, app.SecretDigest = option.HideSecret(args[1])
	if len(args) == 3 {
		app.Kind = session.Kind(args[2])
		if err := checkKind(app.Kind); err != nil {
			return d.WrapErr(err)
		}
	}
	a.Apps = append(a.Apps, app)
	a.Lines.notePlaceholder(d, "app "+app.AppID, args...)
	if err := app.unmarshalBlock(d); err != nil || app.Push == nil {
		return err
	}
	if _, noted := a.Lines["app "+app.AppID]; !noted {
		a.Lines.notePlaceholder(&line, "app "+app.AppID, app.Push.Token, app.Push.AESKey)
	}
	return nil
}

func (p *Program) unmarshalBlock(d *caddyfile.Dispenser) error {
	return option.ReadBlock(d, "unknown option%s of an app",
		option.One("scope", func(d *caddyfile.Dispenser) (err error) {
			if p.Scope, err = option.OneArg(d); err != nil {
				return err
			}
			return option.Wrap(d, p.checkScope())
		}),
		option.One("push", p.unmarshalPush),
	)
}

func (p *Program) unmarshalPush(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 2 || slices.Contains(args, "") {
		return d.Err("push takes the Token and perhaps the EncodingAESKey of the app's message push:  push <token> [<aes_key>]  (is the environment variable set?)")
	}
	p.Push = new(Push)
	if err := p.checkPushKind(); err != nil {
		return d.WrapErr(err)
	}
	if key := strings.Join(args[1:], ""); !option.IsPlaceholder(args[0]) && !option.IsPlaceholder(key) {
		if _, err := message.NewReceiver(p.AppID, args[0], key); err != nil {
			return d.Errf("push: %v", err)
		}
	}
	p.Push.Token, p.Push.TokenDigest = option.HideSecret(args[0])
	if len(args) == 2 {
		p.Push.AESKey, p.Push.AESKeyDigest = option.HideSecret(args[1])
	}
	return nil
}
