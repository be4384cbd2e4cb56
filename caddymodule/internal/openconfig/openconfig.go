// openconfig.go: configurations in which a request can reach a backend past the gate.

// Package openconfig reads the servers of a configuration, as they were provisioned, for
// ways past the gate: a backend that is behind it here and open there, and what is
// decided before it by words that a client may forge. It finds what can be told from
// routes alone; it refuses nothing, and knows no intent but the list of upstreams that
// are meant to be open.
package openconfig

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Finding is one way past the gate.
type Finding struct {
	Site    string // hosts, or addresses to listen on
	Path    string // of the route, as its matchers have it
	Problem string // what is open, and what to do
}

// Options say what is meant.
type Options struct {
	Unguarded []string // upstreams that are meant to be reached past the gate

	// LoginRateByHand says that somebody chose how many logins an address may try.
	LoginRateByHand bool
}

// Find returns what is open, in the order of servers and routes.
func Find(servers map[string]*caddyhttp.Server, opts Options) []Finding {
	f := finder{guarded: make(map[string]bool), meant: make(map[string]bool), told: make(map[Finding]bool)}
	for _, upstream := range opts.Unguarded {
		f.meant[Upstream(upstream)] = true
	}
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		f.server(servers[name], opts)
	}
	for _, p := range f.open {
		choice := f.choice(p.upstream)
		switch {
		case f.meant[p.upstream]:
		case p.early && !p.asks: // one may ask before the gate
			f.tell(p.at, fmt.Sprintf("reverse_proxy %s comes before wechat_auth: requests reach it without a session and with forged X-WeChat headers; "+
				"put wechat_auth first, or write  unguarded %[1]s  into the global option wechat if that is meant", p.shown))
		case choice != "":
			f.tell(p.at, fmt.Sprintf("the client chooses the upstream %s, and may choose %s, which is behind wechat_auth elsewhere, without a session and with forged X-WeChat headers; "+
				"name the upstreams (by map, or a handle for each), put wechat_auth before it, or write  unguarded %[1]s  into the global option wechat if that is meant", p.shown, choice))
		case f.guarded[p.upstream] && p.at.errors && p.at.onePage: // an error page
		case f.guarded[p.upstream] && p.at.errors:
			f.tell(p.at, fmt.Sprintf("the error route leads to %s, which is behind wechat_auth elsewhere: requests that were refused reach it without a session; "+
				"put wechat_auth into the handle_errors as well, or write  unguarded %[1]s  into the global option wechat if that is meant", p.shown))
		case f.guarded[p.upstream]:
			f.tell(p.at, fmt.Sprintf("%s is behind wechat_auth elsewhere, and is reached here without a session and with forged X-WeChat headers; "+
				"put wechat_auth here as well, or write  unguarded %[1]s  into the global option wechat if that is meant", p.shown))
		}
	}
	return f.findings
}

// finder walks through routes.
type finder struct {
	findings []Finding
	told     map[Finding]bool
	guarded  map[string]bool // upstreams behind a gate
	meant    map[string]bool
	open     []*proxied
	named    map[string]*caddyhttp.Route // of the server
	gates    int                         // met so far
	depth    int
}

// proxied is an upstream that is reached past the gate.
type proxied struct {
	at       place
	upstream string
	shown    string
	early    bool // a gate comes after it
	asks     bool // a forward_auth
}

// place is where the walk is.
type place struct {
	site, path string
	errors     bool // in handle_errors
	gated      bool // all requests here have passed a gate
	onePage    bool // all requests here are for one path that the operator chose

	// What was decided about the request before a gate; a gate that comes then tells.
	early []early
}

// early is something before a gate: told of by a gate that comes after it, if wrong
// says so of the public paths.
type early struct {
	at    place
	wrong func(public []string) string
}

func (f *finder) tell(at place, problem string) {
	finding := Finding{Site: at.site, Path: cmp.Or(at.path, "*"), Problem: problem}
	if at.errors {
		finding.Path = "handle_errors " + finding.Path
	}
	if !f.told[finding] {
		f.told[finding] = true
		f.findings = append(f.findings, finding)
	}
}

func (f *finder) server(server *caddyhttp.Server, opts Options) {
	at := place{site: strings.Join(server.Listen, " ")}
	f.named = server.NamedRoutes
	before := f.gates
	f.routes(server.Routes, at)
	if server.Errors != nil {
		at.errors = true
		f.routes(server.Errors.Routes, at)
	}
	if f.gates > before {
		f.addresses(server, opts)
	}
}

// maxDepth bounds named routes that invoke each other.
const maxDepth = 50

// routes walks through a list. What it returns is the place behind it, of requests that
// no route has answered.
func (f *finder) routes(routes caddyhttp.RouteList, at place) place {
	if f.depth++; f.depth > maxDepth {
		f.depth--
		return at
	}
	defer func() { f.depth-- }()
	groups := make(map[string]bool)
	var passed []inGroup // upstreams of this list that were met before a gate
	for i := range routes {
		route := &routes[i]
		sets := setsOf(route)
		here := at
		here.narrow(sets)
		if !here.gated {
			if reads := sets.reading(); reads != "" {
				here.early = append(slices.Clip(here.early), forged(here, "a matcher ("+reads+")"))
				at.early = append(slices.Clip(at.early), forged(here, "a matcher ("+reads+")"))
			}
		}
		met, gates := len(f.open), f.gates
		for _, module := range route.Handlers {
			open, gates := len(f.open), f.gates
			f.handler(module, &here, sets)
			if f.gates > gates {
				for _, p := range f.open[met:open] { // earlier in the same route
					p.early = true
				}
			}
		}
		if f.gates > gates && !at.gated {
			for _, p := range passed {
				p.proxied.early = p.proxied.early || route.Group == "" || p.group != route.Group
			}
		}
		if !route.Terminal { // of a site, whose requests come to no other
			for _, p := range f.open[met:] {
				passed = append(passed, inGroup{p, route.Group})
			}
		}
		every := len(sets) == 0 && !groups[route.Group]
		if route.Group != "" {
			groups[route.Group] = true
		}
		if every {
			at.gated, at.onePage, at.early = here.gated, here.onePage, here.early
			if route.Terminal {
				break
			}
		} else if route.Group == "" || len(route.Handlers) == 1 && nameOf(route.Handlers[0]) == "rewrite" {
			at.early = here.early // some requests have come this way
		}
	}
	return at
}

// inGroup is an upstream with the group of the route that leads there: of the routes of
// one group only one is taken.
type inGroup struct {
	*proxied
	group string
}

// narrow notes for which requests a route is.
func (p *place) narrow(sets matcherSets) {
	if hosts := sets.texts("host"); hosts != "" {
		p.site = hosts
	}
	if paths := sets.texts("path"); paths != "" {
		p.path = paths
	}
}
