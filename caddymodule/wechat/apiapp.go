// apiapp.go: whose API a wechat_api line relays.

package wechat

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

var errNoAPI = errors.New("wechat_api needs an app of kind mini or official: those of kind website and mobile have no API of this kind")

func hasAPI(kind session.Kind) bool { return kind == session.Mini || kind == session.Official }

// APIURL is where WeChat's API is.
func (a *App) APIURL() *url.URL {
	base, err := weixin.ParseBaseURL(a.apiBase, a.APIBaseInsecure)
	if err != nil {
		return nil // Provision has refused it
	}
	return base
}

// APIApps returns the apps whose API may be relayed; with a name, that one.
func (a *App) APIApps(name string) (apps.List, error) {
	var list apps.List
	appid, err := option.ResolveText("app", name)
	if err != nil {
		return nil, err
	}
	for _, app := range a.apps {
		if hasAPI(app.Kind) && (appid == "" || app.AppID == appid) {
			list = append(list, app)
		}
	}
	switch {
	case len(list) > 0:
		return list, nil
	case appid == "":
		return nil, errNoAPI
	case a.apps.Find(appid) == nil:
		return nil, fmt.Errorf("app %q is not among those of the global option wechat", appid)
	}
	return nil, fmt.Errorf("app %s is of a kind that has no API of this kind: %w", appid, errNoAPI)
}

// CheckAPIApp refuses what APIApps would, as far as that can be told before placeholders
// are resolved.
func (a *App) CheckAPIApp(name string) error {
	if a == nil || option.IsPlaceholder(name) {
		return nil
	}
	if name != "" {
		if err := a.checkNamed(name); err != nil {
			return err
		}
	}
	for _, program := range a.Apps {
		if (name == "" || program.AppID == name || option.IsPlaceholder(program.AppID)) && hasAPI(program.kind()) {
			return nil
		}
	}
	return errNoAPI
}
