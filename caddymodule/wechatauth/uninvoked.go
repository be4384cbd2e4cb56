// uninvoked.go: a named route with the gate in it that nothing invokes.

package wechatauth

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// checkInvoked refuses a server of which a named route holds a gate and is never invoked.
// The Caddyfile adapter gives a server those named routes that its sites invoke, and then
// keeps of a named route the first handler alone (see newRoute): where that swallowed the
// line that invokes the gate, the site would be open without a word.
//
// It is asked by the first handler in a named route: Caddy provisions these last, and
// keeps the JSON of each until it is done.
func checkInvoked(server *caddyhttp.Server) error {
	invoked := make(map[string]bool)
	findInvokes(server.Routes, invoked)
	if server.Errors != nil {
		findInvokes(server.Errors.Routes, invoked)
	}
	var guarded []string
	for name, route := range server.NamedRoutes {
		findInvokes(caddyhttp.RouteList{*route}, invoked)
		for _, raw := range route.HandlersRaw {
			var tree any
			if json.Unmarshal(raw, &tree) == nil {
				if readHandlers(tree, invoked) {
					guarded = append(guarded, name)
				}
			}
		}
	}
	for _, name := range guarded {
		if !invoked[name] {
			return fmt.Errorf("the named route %q holds wechat_auth, and nothing invokes it: of a named route that has an invoke among other directives Caddy keeps the first one alone; put them into a route { } there", name)
		}
	}
	return nil
}

// readHandlers notes what handlers in JSON invoke, and reports whether one is a gate.
func readHandlers(tree any, invoked map[string]bool) (gate bool) {
	switch tree := tree.(type) {
	case map[string]any:
		switch tree["handler"] {
		case "wechat_auth":
			gate = true
		case "invoke":
			if name, ok := tree["name"].(string); ok {
				invoked[name] = true
			}
		}
		for _, below := range tree {
			gate = readHandlers(below, invoked) || gate
		}
	case []any:
		for _, below := range tree {
			gate = readHandlers(below, invoked) || gate
		}
	}
	return gate
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
