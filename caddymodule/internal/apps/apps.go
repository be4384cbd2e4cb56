// apps.go: the apps whose users may log in, and finding one among them.

// Package apps describes the WeChat apps of a configuration: their AppIDs, kinds
// and credentials. It judges nothing and asks nobody.
package apps

import (
	"slices"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/message"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weixin"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// App is one of WeChat's applications. It is never modified after the
// configuration was read.
type App struct {
	AppID       string
	Kind        session.Kind
	Scope       string // of an Official Account's login by redirect; empty is snsapi_base
	Credentials weixin.App
	Push        *message.Receiver // of its messages; nil when it has none

	// Passed counts the requests of its users that went on.
	Passed Counter
}

// Counter is what a metric offers for counting.
type Counter interface{ Inc() }

// List holds apps in the order in which they were configured.
type List []*App

// Find returns the app with an AppID, or nil.
func (l List) Find(appid string) *App {
	for _, app := range l {
		if app.AppID == appid {
			return app
		}
	}
	return nil
}

// Has reports whether the app is one of the list.
func (l List) Has(app *App) bool { return slices.Contains(l, app) }
