// store.go: the session store of the configuration, a module of wechat.stores.

package wechat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/option"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

const (
	storeNamespace = "wechat.stores"
	defaultStore   = `{"store":"local"}`
)

func (a *App) loadStore(ctx caddy.Context) (session.Store, error) {
	if a.StoreRaw == nil {
		a.StoreRaw = json.RawMessage(defaultStore)
	}
	mod, err := ctx.LoadModule(a, "StoreRaw")
	if err != nil {
		return nil, a.Lines.at("store", fmt.Errorf("loading the session store: %w", err))
	}
	store, ok := mod.(session.Store)
	if !ok {
		return nil, fmt.Errorf("module %T is no session store", mod)
	}
	if _, volatile := store.(session.Volatile); volatile && len(a.SealKeyFiles) > 0 {
		return nil, a.Lines.at("seal_key_file", errors.New("seal_key_file is for a store that keeps sessions outside of this process"))
	}
	return store, nil
}

// unmarshalStore hands the rest of the line, and its block, to the store.
func unmarshalStore(d *caddyfile.Dispenser) (json.RawMessage, error) {
	if !d.NextArg() {
		return nil, d.Errf("store needs a name:  store <name>, one of %s", storeNames())
	}
	name := d.Val()
	if _, err := caddy.GetModule(storeNamespace + "." + name); err != nil {
		return nil, d.Errf("unknown store%s: this build has %s, as in  store redis <url>", option.Name(name), storeNames())
	}
	module, err := caddyfile.UnmarshalModule(d, storeNamespace+"."+name)
	if err != nil {
		return nil, err
	}
	return caddyconfig.JSONModuleObject(module, "store", name, nil), nil
}

func storeNames() string {
	var names []string
	for _, store := range caddy.GetModules(storeNamespace) {
		names = append(names, store.ID.Name())
	}
	return strings.Join(names, ", ")
}
