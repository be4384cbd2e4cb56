// program.go: the mini programs, and which of them a site serves.

package caddymodule

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
)

// MiniProgram is one mini program, as its console shows it.
type MiniProgram struct {
	// The AppID: `wx` and 16 hexadecimal digits.
	AppID string `json:"appid"`

	// The AppSecret. Write it as `{env.NAME}` or `{file./path}`, to keep it out
	// of the stored configuration.
	Secret string `json:"secret"`

	// A digest of the secret where the Caddyfile was read, set by the Caddyfile
	// adapter when it replaced the value by the name of its environment variable.
	// The running Caddy must find the same value there.
	SecretDigest string `json:"secret_digest,omitempty"`

	credentials weixin.App
	passed      prometheus.Counter // requests of its users that went on
}

func (p *MiniProgram) resolve() error {
	if p == nil {
		return errors.New("apps holds null where a mini program is expected")
	}
	appid, err := resolveText("app", p.AppID)
	if err != nil {
		return err
	}
	if err := checkAppID(appid); err != nil {
		return err
	}
	secret, err := resolveText("secret of app "+appid, p.Secret)
	if err != nil {
		return err
	}
	if secret == "" {
		return fmt.Errorf("the secret of app %s is empty", appid)
	}
	if p.SecretDigest != "" && p.SecretDigest != secretDigest(secret) {
		return fmt.Errorf("the secret of app %s: %s has another value in the running Caddy than where the Caddyfile was read: "+
			"restart Caddy, or keep the secret in a file and write {file./path}", appid, p.Secret)
	}
	p.AppID = appid
	p.credentials = weixin.App{ID: appid, Secret: weixin.NewSecret(secret)}
	return nil
}

// choose returns the mini programs that a site names; "*" or, when there is
// but one, nothing names all.
func (a *App) choose(appids []string) ([]*MiniProgram, error) {
	if len(appids) == 0 {
		if len(a.Apps) > 1 {
			return nil, errors.New("several mini programs are configured: say which may enter here with  app <appid>...  or  app *")
		}
		return a.Apps, nil
	}
	var chosen []*MiniProgram
	seen := make(map[string]bool)
	for _, name := range appids {
		if name == "*" {
			if len(appids) > 1 {
				return nil, errors.New("app * stands alone: it names every mini program already")
			}
			return a.Apps, nil
		}
		appid, err := resolveText("app", name)
		if err != nil {
			return nil, err
		}
		if err := checkAppID(appid); err != nil {
			return nil, err
		}
		if seen[appid] {
			return nil, fmt.Errorf("app %s is named twice", appid)
		}
		seen[appid] = true
		app := a.find(appid)
		if app == nil {
			return nil, fmt.Errorf("app %q is not among those of the global option wechat", appid)
		}
		chosen = append(chosen, app)
	}
	return chosen, nil
}

func (a *App) find(appid string) *MiniProgram {
	for _, app := range a.Apps {
		if app.AppID == appid {
			return app
		}
	}
	return nil
}

// secretDigest tells two secrets apart and gives neither away: an AppSecret has
// 128 random bits.
func secretDigest(secret string) string {
	sum := sha256.Sum256([]byte("wechat app secret\x00" + secret))
	return hex.EncodeToString(sum[:8])
}
