// config.go: configurations in JSON, and modules provisioned from them.

package gatewaytest

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-wechat/caddy-wechat/caddymodule" // all modules of the gateway
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
)

// What a good configuration holds.
const (
	AppID = "wx0123456789abcdef"

	// AppSecret is where a secret can be; no error may show it.
	AppSecret = "5ec2e75ec2e75ec2e75ec2e75ec2e7ff"
)

// Object is a piece of a JSON configuration.
type Object = map[string]any

// Program is an app of the configuration.
func Program(appid, secret string) Object { return Object{"appid": appid, "secret": secret} }

// App is a good app `wechat` with some members changed; nil takes one out.
func App(changes Object) Object {
	app := Object{"apps": []any{Program(AppID, AppSecret)}}
	for name, value := range changes {
		if value == nil {
			delete(app, name)
			continue
		}
		app[name] = value
	}
	return app
}

// Config makes a configuration that touches nothing outside a directory of
// the test: no admin endpoint, no log, no storage but its own.
func Config(tb testing.TB, apps Object) *caddy.Config {
	tb.Helper()
	text, err := json.Marshal(Object{
		"admin":   Object{"disabled": true, "config": Object{"persist": false}},
		"logging": Object{"logs": Object{"default": Object{"writer": Object{"output": "discard"}}}},
		"storage": Object{"module": "file_system", "root": tb.TempDir()},
		"apps":    apps,
	})
	if err != nil {
		tb.Fatal(err)
	}
	cfg := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(text, cfg); err != nil {
		tb.Fatal(err)
	}
	return cfg
}

// Contained is a whole configuration, as an adapter makes it, that touches nothing
// outside the test.
func Contained(tb testing.TB, text []byte) *caddy.Config {
	tb.Helper()
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		tb.Fatal(err)
	}
	config["admin"] = Object{"disabled": true, "config": Object{"persist": false}}
	config["storage"] = Object{"module": "file_system", "root": tb.TempDir()}
	config["logging"] = Object{"logs": Object{"default": Object{"writer": Object{"output": "discard"}}}}
	if app, ok := config["apps"].(map[string]any)["wechat"].(map[string]any); ok {
		app["store"] = Object{"store": "memory"}
	}
	text, err := json.Marshal(config)
	if err != nil {
		tb.Fatal(err)
	}
	cfg := new(caddy.Config)
	if err := caddy.StrictUnmarshalJSON(text, cfg); err != nil {
		tb.Fatal(err)
	}
	return cfg
}

// Provision loads an app as Caddy does and cleans it up when the test ends.
func Provision(tb testing.TB, app Object) (caddy.Context, *wechat.App) {
	tb.Helper()
	cfg := Config(tb, Object{"wechat": app})
	parent, err := caddy.ProvisionContext(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { End(cfg) })
	ctx, cancel := caddy.NewContext(parent)
	tb.Cleanup(cancel)
	module, err := ctx.App("wechat")
	if err != nil {
		tb.Fatal(err)
	}
	return ctx, module.(*wechat.App)
}

// End cleans up what caddy.ProvisionContext has made of a configuration. Caddy does so when
// another takes the place of one that runs; these never run, and nothing is exported to
// end them, so their goroutines would stay.
func End(cfg *caddy.Config) {
	field := reflect.ValueOf(cfg).Elem().FieldByName("cancelFunc")
	cancel := *(*context.CancelCauseFunc)(field.Addr().UnsafePointer())
	cancel(errors.New("the test is over"))
}

// Load provisions another module of the same configuration.
func Load[T any](tb testing.TB, ctx caddy.Context, id string, config Object) T {
	tb.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		tb.Fatal(err)
	}
	module, err := ctx.LoadModuleByID(id, text)
	if err != nil {
		tb.Fatal(err)
	}
	return module.(T)
}
