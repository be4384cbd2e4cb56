// namedroute.go: keeping our directives in named routes, where Caddy's adapter would lose
// them.

package wechat

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// NewRoute makes the route of a directive of the gateway, so that it is not lost. The
// matcher is the route's; nil matches everything.
//
// Of a named route whose directives become one route without a matcher, the adapter
// (v2.11.9, httptype.go, extractNamedRoutes) keeps the first handler alone, and without a
// word: beside a header line the gate would be gone, and a check or a health would be
// Caddy's empty 200, which is a yes. A matcher that matches everything keeps the routes
// apart. (A group of its own would, too, but a group is entered once a request: the gate
// would be skipped where an error route invokes the same name.)
func NewRoute(h httpcaddyfile.Helper, matcher caddy.ModuleMap, handler caddyhttp.MiddlewareHandler) []httpcaddyfile.ConfigValue {
	separateGroups(h)
	if h.IsNamedRoute() && matcher == nil {
		matcher = caddy.ModuleMap{}
	}
	return h.NewRoute(matcher, handler)
}

// manyGroups is more than the sites of a Caddyfile have.
const manyGroups = 1 << 16

// separateGroups keeps the groups of named routes and those of sites apart.
//
// The adapter numbers the groups of routes of which only one may run (handle, rewrite) in
// named routes and in sites from 0 alike, and a request enters each once. So a site's
// rewrite can make Caddy skip a named route's handle with the gate in it, or a named
// route's handle that of the site. All that encloses a line is numbered after the line is
// read: here the numbers go on beyond those of the other side.
func separateGroups(h httpcaddyfile.Helper) {
	const done = "wechat groups are separate"
	if h.State[done] != nil {
		return
	}
	routes, _ := h.Option("named_routes").(map[string]*caddyhttp.Route)
	beyond := -1
	if h.IsNamedRoute() {
		beyond = manyGroups
	}
	for _, route := range routes {
		beyond = max(beyond, lastGroup(route))
	}
	h.State[done] = true
	for beyond >= 0 && nextGroup(h) < beyond {
	}
}

// nextGroup takes the next number of the adapter.
func nextGroup(h httpcaddyfile.Helper) int {
	pair := []httpcaddyfile.ConfigValue{{Value: caddyhttp.Route{}}, {Value: caddyhttp.Route{}}}
	h.GroupRoutes(pair)
	n, err := groupNumber(pair[0].Value.(caddyhttp.Route).Group)
	if err != nil {
		return manyGroups // another adapter, which names groups otherwise
	}
	return n
}

func groupNumber(name string) (int, error) { return strconv.Atoi(strings.TrimPrefix(name, "group")) }

// lastGroup returns the highest number below manyGroups of the groups of a named route,
// or -1.
func lastGroup(route *caddyhttp.Route) int {
	last := -1
	for _, raw := range route.HandlersRaw {
		var tree any
		if json.Unmarshal(raw, &tree) == nil {
			last = max(last, lastGroupIn(tree))
		}
	}
	return last
}

func lastGroupIn(tree any) int {
	last := -1
	switch tree := tree.(type) {
	case map[string]any:
		if name, ok := tree["group"].(string); ok {
			if n, err := groupNumber(name); err == nil && n < manyGroups {
				last = n
			}
		}
		for _, below := range tree {
			last = max(last, lastGroupIn(below))
		}
	case []any:
		for _, below := range tree {
			last = max(last, lastGroupIn(below))
		}
	}
	return last
}
