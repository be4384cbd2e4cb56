// uninvoked.go: a named route with a directive of ours in it that nothing invokes.

package wechat

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// inNamedRoutes are the handlers without which a site would be open, or answer what is not
// so. A wechat_check may be in no named route at all.
var inNamedRoutes = map[string]bool{"wechat_auth": true, "wechat_push": true, "wechat_api": true, "wechat_health": true}

// CheckInvoked refuses a server of which a named route holds a directive of ours and is
// never invoked. The Caddyfile adapter gives a server those named routes that its sites
// invoke, and then keeps of a named route the first handler alone (see NewRoute): where
// that swallowed the line that invokes the gate, the site would be open without a word.
//
// Each of the handlers asks it while it is provisioned, and the first one in a named route
// is answered: Caddy provisions these last, and keeps the JSON of each until it is done.
func CheckInvoked(ctx caddy.Context) error {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok || slices.ContainsFunc(server.Routes, isBeingProvisioned) ||
		server.Errors != nil && slices.ContainsFunc(server.Errors.Routes, isBeingProvisioned) {
		return nil
	}
	invoked := make(map[string]bool)
	findInvokes(server.Routes, invoked)
	if server.Errors != nil {
		findInvokes(server.Errors.Routes, invoked)
	}
	ours := make(map[string]string) // the directive, by named route
	for name, route := range server.NamedRoutes {
		findInvokes(caddyhttp.RouteList{*route}, invoked)
		for _, raw := range route.HandlersRaw {
			var tree any
			if json.Unmarshal(raw, &tree) != nil {
				continue
			}
			if directive := readHandlers(tree, invoked); directive != "" {
				ours[name] = directive
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		if !invoked[name] {
			return fmt.Errorf("the named route %q holds %s, and nothing invokes it: of a named route that has an invoke among other directives Caddy keeps the first one alone; put them into a route { } there", name, ours[name])
		}
	}
	return nil
}

// isBeingProvisioned reports whether a route's handlers are still to be loaded, or being so.
func isBeingProvisioned(r caddyhttp.Route) bool { return len(r.HandlersRaw) > 0 }

// readHandlers notes what handlers in JSON invoke, and returns the name of one of ours.
func readHandlers(tree any, invoked map[string]bool) (ours string) {
	switch tree := tree.(type) {
	case map[string]any:
		handler, _ := tree["handler"].(string)
		if inNamedRoutes[handler] {
			ours = handler
		}
		if name, ok := tree["name"].(string); ok && handler == "invoke" {
			invoked[name] = true
		}
		for _, below := range tree {
			ours = cmp.Or(ours, readHandlers(below, invoked))
		}
	case []any:
		for _, below := range tree {
			ours = cmp.Or(ours, readHandlers(below, invoked))
		}
	}
	return ours
}

// findInvokes notes what routes invoke that are provisioned already.
func findInvokes(routes caddyhttp.RouteList, invoked map[string]bool) {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			if invoke, ok := handler.(*caddyhttp.Invoke); ok {
				invoked[invoke.Name] = true
			}
			v := reflect.Indirect(reflect.ValueOf(handler))
			if v.Kind() != reflect.Struct {
				continue
			}
			for i := range v.NumField() {
				if !v.Type().Field(i).IsExported() {
					continue
				}
				// the ways in which handlers hold routes: subroute, reverse_proxy, intercept
				switch field := v.Field(i).Interface().(type) {
				case caddyhttp.RouteList:
					findInvokes(field, invoked)
				case []caddyhttp.Route:
					findInvokes(field, invoked)
				case []caddyhttp.ResponseHandler:
					for _, h := range field {
						findInvokes(h.Routes, invoked)
					}
				case *caddyhttp.HTTPErrorConfig:
					if field != nil {
						findInvokes(field.Routes, invoked)
					}
				}
			}
		}
	}
}
