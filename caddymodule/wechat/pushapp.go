// pushapp.go: which app a wechat_push line is for.

package wechat

import (
	"errors"
	"fmt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/apps"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
)

const howToPush = "add the line  push <token> [<aes_key>]  to the app's block in the global option wechat"

var errWhichPush = errors.New("several apps have the option push: say which with  app <appid>")

// PushApp returns the app that a wechat_push names; without a name it is the only one
// that has the option push.
func (a *App) PushApp(name string) (*apps.App, error) {
	if name == "" {
		var only *apps.App
		for _, app := range a.apps {
			switch {
			case app.Push == nil:
			case only != nil:
				return nil, errWhichPush
			default:
				only = app
			}
		}
		if only == nil {
			return nil, errors.New("no app has the option push: " + howToPush)
		}
		return only, nil
	}
	appid, err := option.ResolveText("app", name)
	if err != nil {
		return nil, err
	}
	app := a.apps.Find(appid)
	switch {
	case app == nil:
		return nil, fmt.Errorf("app %q is not among those of the global option wechat", appid)
	case app.Push == nil:
		return nil, fmt.Errorf("app %s has no option push: %s", appid, howToPush)
	}
	return app, nil
}

// CheckPushApp refuses what PushApp would, as far as that can be told before
// placeholders are resolved.
func (a *App) CheckPushApp(name string) error {
	if a == nil || option.IsPlaceholder(name) {
		return nil
	}
	if name != "" {
		if err := a.checkNamed(name); err != nil {
			return err
		}
	}
	found := 0
	for _, program := range a.Apps {
		named := name == "" || program.AppID == name || option.IsPlaceholder(program.AppID)
		if named && program.Push != nil {
			found++
		}
	}
	switch {
	case found == 0 && name == "":
		return errors.New("no app has the option push: " + howToPush)
	case found == 0:
		return fmt.Errorf("app %s has no option push: %s", name, howToPush)
	case found > 1 && name == "":
		return errWhichPush
	}
	return nil
}
