// errorroutes.go: whether the site has an error route for a refusal.

package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// siteHandlesError reports whether a route of the server's handle_errors would
// answer err for this request. Caddy itself answers an unhandled error with
// the bare status, so the gateway must know before it returns one.
//
// A server serves many sites, and handle_errors may name status codes; so the
// routes' own matchers are asked, down through the subroutes that the Caddyfile
// adapter wraps around each site.
func siteHandlesError(r *http.Request, err error) bool {
	server, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok || server.Errors == nil || len(server.Errors.Routes) == 0 {
		return false
	}
	return anyHandles(server.Errors.Routes, server.Errors.WithError(r, err))
}

func anyHandles(routes caddyhttp.RouteList, r *http.Request) bool {
	groups := make(map[string]bool)
	for _, route := range routes {
		if route.Group != "" && groups[route.Group] {
			continue
		}
		matches, err := route.MatcherSets.AnyMatchWithError(r)
		if err != nil {
			return true // the error belongs to the site: let its routes meet it
		}
		if !matches {
			continue
		}
		groups[route.Group] = true
		for _, handler := range route.Handlers {
			subroute, ok := handler.(*caddyhttp.Subroute)
			if !ok || anyHandles(subroute.Routes, r) {
				return true
			}
		}
		if route.Terminal {
			return false
		}
	}
	return false
}
