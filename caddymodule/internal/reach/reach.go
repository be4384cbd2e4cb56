// reach.go: where in a server's routes a handler is, and which requests come to it.

// Package reach tells which of a server's requests come to a handler, while the
// server is being provisioned: what narrows the way there, and what may answer before.
//
// It knows Caddy's routes and subroutes. A handler that it does not know may answer,
// and a route below such a handler is no part of the server's way: it errs on the side
// of an error that names the reason.
package reach

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Place is where a handler was found.
type Place struct {
	Config json.RawMessage // as configured; nil when it is provisioned already

	// Narrowed is the first on the way there that lets only some requests by, in
	// words; empty if there is nothing.
	Narrowed string

	// Before is the first handler on the way there that may answer; empty if there
	// is none.
	Before string

	// After is the first handler that may answer in the routes of the server that come
	// after the one that leads there; empty if there is none.
	After string

	route int // of the server, that leads there

	// Hosts says that the way there is for requests to named hosts only.
	Hosts bool
}

// Find returns all places of the handlers with a name, http.handlers.<name>, in a
// server. Caddy provisions routes in order; those that are provisioned have lost their
// JSON, and the others have nothing else. Find reads both.
func Find(server *caddyhttp.Server, name string) []Place {
	f := finder{name: name}
	f.list(server.Routes, Place{})
	for n := range f.found {
		f.found[n].After = answersIn(server.Routes[f.found[n].route+1:])
	}
	if server.Errors != nil {
		f.list(server.Errors.Routes, Place{Narrowed: "handle_errors"})
	}
	for route := range server.NamedRoutes {
		f.list(caddyhttp.RouteList{*server.NamedRoutes[route]}, Place{Narrowed: "the named route " + route})
	}
	return f.found
}

// answersIn returns the first handler in routes that may answer.
func answersIn(routes caddyhttp.RouteList) string {
	return new(finder).list(routes, Place{})
}

type finder struct {
	name  string
	found []Place
	depth int
}

// passing are handlers that hand every request on.
var passing = map[string]bool{"vars": true, "headers": true, "map": true, "log_append": true, "tracing": true}

// list walks through routes, to which one comes as at says. It returns the first
// handler in them that may answer.
func (f *finder) list(routes caddyhttp.RouteList, at Place) (answers string) {
	f.depth++
	defer func() { f.depth-- }()
	before := at.Before
	groups := make(map[string]bool)
	for i := range routes {
		route := &routes[i]
		here := at
		here.Before = before
		if f.depth == 1 {
			here.route = i
		}
		f.narrow(&here, route, groups)
		for _, handler := range handlersOf(route) {
			if handler.name == f.name {
				place := here
				place.Config = handler.config
				f.found = append(f.found, place)
			}
			stops := handler.name
			switch {
			case handler.name == "subroute":
				stops = f.list(handler.routes, here)
				f.list(handler.errors, Place{Narrowed: "the errors of a subroute"})
			case passing[handler.name]:
				stops = ""
			}
			if stops != "" && here.Before == "" {
				here.Before = stops
			}
		}
		before = here.Before
		if route.Terminal && before == "" {
			before = "a terminal route"
		}
	}
	if at.Before != "" {
		return ""
	}
	return before
}

// narrow notes what a route's conditions make of the way to its handlers.
func (f *finder) narrow(here *Place, route *caddyhttp.Route, groups map[string]bool) {
	names, hosts := matchersOf(route)
	here.Hosts = here.Hosts || hosts
	note := func(what string) {
		if here.Narrowed == "" {
			here.Narrowed = what
		}
	}
	if len(names) > 0 {
		note("a matcher (" + strings.Join(names, ", ") + ")")
	}
	if route.Group != "" {
		if groups[route.Group] {
			note("an earlier route of the same group")
		}
		groups[route.Group] = true
	}
}

// handler is one of a route, whichever form it has.
type handler struct {
	name   string
	config json.RawMessage
	routes caddyhttp.RouteList // of a subroute
	errors caddyhttp.RouteList
}

func handlersOf(route *caddyhttp.Route) (all []handler) {
	for _, module := range route.Handlers {
		h := handler{name: fmt.Sprintf("%T", module)}
		if m, ok := module.(caddy.Module); ok {
			h.name = caddy.GetModuleName(m)
		}
		if subroute, ok := module.(*caddyhttp.Subroute); ok {
			h.routes = subroute.Routes
			if subroute.Errors != nil {
				h.errors = subroute.Errors.Routes
			}
		}
		all = append(all, h)
	}
	if len(all) > 0 {
		return all
	}
	for _, raw := range route.HandlersRaw {
		var config struct {
			Handler string              `json:"handler"`
			Routes  caddyhttp.RouteList `json:"routes"`
			Errors  struct {
				Routes caddyhttp.RouteList `json:"routes"`
			} `json:"errors"`
		}
		// what cannot be read is refused when it is provisioned
		if json.Unmarshal(raw, &config) != nil {
			config.Handler = "a handler that cannot be read"
		}
		h := handler{name: config.Handler, config: raw}
		if config.Handler == "subroute" {
			h.routes, h.errors = config.Routes, config.Errors.Routes
		}
		all = append(all, h)
	}
	return all
}

// matchersOf returns the names of a route's matchers, and whether each of its sets
// asks for hosts by name.
func matchersOf(route *caddyhttp.Route) (names []string, hosts bool) {
	hosts = len(route.MatcherSets)+len(route.MatcherSetsRaw) > 0
	for _, set := range route.MatcherSets {
		named := false
		for _, matcher := range set {
			name := fmt.Sprintf("%T", matcher)
			if m, ok := matcher.(caddy.Module); ok {
				name = caddy.GetModuleName(m)
			}
			switch m := matcher.(type) {
			case caddyhttp.MatchHost:
				named = named || areNames(m)
			case *caddyhttp.MatchHost:
				named = named || areNames(*m)
			}
			names = append(names, name)
		}
		hosts = hosts && named
	}
	for _, set := range route.MatcherSetsRaw {
		named := false
		for name, raw := range set {
			var list []string
			if name == "host" && json.Unmarshal(raw, &list) == nil {
				named = named || areNames(list)
			}
			names = append(names, name)
		}
		hosts = hosts && named
	}
	return names, hosts
}

// areNames reports whether every host is a name, or all names of a domain.
func areNames(hosts []string) bool {
	for _, host := range hosts {
		labels := strings.Split(host, ".")
		for _, label := range labels[max(0, len(labels)-2):] {
			if label == "" || strings.ContainsAny(label, "*{}") {
				return false
			}
		}
	}
	return len(hosts) > 0
}
