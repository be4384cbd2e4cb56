// siteoptions.go: the options that several directives have in common.

package wechat

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/token"
)

// ReadApps reads  app <appid>... | *  and compares the apps with the configured
// ones, unless that is nil.
func ReadApps(to *[]string, configured *App) func(*caddyfile.Dispenser) error {
	return option.Set(to, func(d *caddyfile.Dispenser) ([]string, error) { return unmarshalApps(d, configured) })
}

func unmarshalApps(d *caddyfile.Dispenser, configured *App) ([]string, error) {
	appids := d.RemainingArgs()
	if len(appids) == 0 {
		return nil, d.Err("app takes the AppIDs whose sessions may enter, or * for all")
	}
	for i, name := range appids {
		switch {
		case name == "*" && len(appids) > 1:
			return nil, d.Err("app * stands alone: it names every app already")
		case slices.Contains(appids[:i], name):
			return nil, d.WrapErr(option.Twice("app " + name))
		case name == "*" || option.IsPlaceholder(name):
			continue
		}
		if err := configured.checkNamed(name); err != nil {
			return nil, d.WrapErr(err)
		}
	}
	return appids, nil
}

// UnmarshalCookie reads  cookie [<name>].
func UnmarshalCookie(d *caddyfile.Dispenser) (name string, err error) {
	name = gate.DefaultCookie
	if d.NextArg() {
		if name, err = gate.CookieName(d.Val()); err != nil {
			return "", d.Errf("cookie: %v: use letters, digits, - and _", err)
		}
	}
	if d.NextArg() {
		return "", d.Err("cookie takes one name at most")
	}
	return name, nil
}

// UnmarshalHeaders reads  headers <dialect>...
func UnmarshalHeaders(d *caddyfile.Dispenser) ([]string, error) {
	words := d.RemainingArgs()
	if len(words) == 0 {
		return nil, d.Err("headers takes wechat, cloudrun, or both")
	}
	if _, err := gate.ParseDialects(words); err != nil {
		return nil, d.WrapErr(err)
	}
	return words, nil
}

// Assertion says for whom the assertions of a site are.
type Assertion struct {
	// The claim `aud`, which the backend compares with its own name. A text or a
	// placeholder. Default: for `wechat_auth` the host of the request, in lower case
	// without the port; `wechat_check` requires one.
	Audience string `json:"audience,omitempty"`

	// Where the Caddyfile has the option, for errors that show only when a configuration
	// is loaded; set by the adapter.
	Line string `json:"caddyfile_line,omitempty"`
}

// At adds the line to an error.
func (a *Assertion) At(err error) error {
	if err == nil || a.Line == "" {
		return err
	}
	return fmt.Errorf("%w, at %s", err, a.Line)
}

// Check refuses an assertion that would be refused later, as far as that can be told
// before placeholders are resolved. The configured app may be nil.
func (a *Assertion) Check(configured *App) error {
	if err := CheckAudience(a.Audience); err != nil {
		return err
	}
	return configured.CheckAsserts()
}

// CheckAudience is the rule of the option "assertion". Empty means the request's host.
func CheckAudience(audience string) error {
	if audience == "" || option.IsPlaceholder(audience) {
		return nil
	}
	if err := token.CheckAudience(audience); err != nil {
		return fmt.Errorf("assertion: %w", err)
	}
	return nil
}

// CheckAsserts refuses assertions where nobody could check them, as far as that can
// be told before the app is provisioned.
func (a *App) CheckAsserts() error {
	if a == nil {
		return nil
	}
	if a.Token == nil || a.Token.Algorithm == "" || a.Token.Algorithm == string(token.HS256) {
		return errors.New("assertion needs a key that backends can check and not sign with: " +
			"add  token { algorithm ES256 }  (or EdDSA, RS256) to the global option wechat")
	}
	return nil
}

// Asserter returns what signs assertions for the directives of this configuration.
func (a *App) Asserter() (*gate.Asserter, error) {
	if err := a.CheckAsserts(); err != nil {
		return nil, err
	}
	if a.asserter == nil {
		a.asserter = gate.NewAsserter(a.engine.Gate) // one for all: a session's assertions are of one audience mostly
	}
	return a.asserter, nil
}
