// errorfront.go: a route of ours in front of the error routes that a request on its way to
// the gate can end in.

package wechatauth

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
)

// errorFront is the first handler of a list of error routes. An error may come from
// before the gate: from basic_auth, forward_auth, request_body, a matcher, a Host that
// does not fit the certificate. The error routes then get the request as the client sent
// it, and may proxy it. And one that comes from behind the gate brings back the server's
// request, with its trailers.
type errorFront struct {
	gates []guarded
}

// guarded is a handler that the errors may come from, and for which hosts it answers.
type guarded struct {
	*Handler
	site caddyhttp.MatcherSets // of the server's route that it is in
}

// ServeHTTP makes the request what the gate passes on, or would.
func (f *errorFront) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	l := left(r)
	if l == nil {
		l = f.before(r)
	}
	clean := l.settle(r)
	if gate.Tunnels(clean.Request) || clean.Method == http.MethodConnect && !l.passed {
		w.WriteHeader(errorStatus(r)) // no error page is worth a pipe
		return nil
	}
	if l.caller != nil && clean.Lasting {
		return l.by[0].serveLasting(w, clean.Request, next, &l.passage)
	}
	if l.refused != nil {
		return l.answerRefusal(w, clean.Request, next)
	}
	return next.ServeHTTP(w, clean.Request)
}

// before is the passage of a request that no gate has seen: as if each that it may have
// been on its way to had refused it.
func (f *errorFront) before(r *http.Request) *leaving {
	introduceNobody(r, nil)
	l := new(leaving)
	for _, g := range f.gates {
		if g.mayServe(r) {
			l.by = append(l.by, g.Handler)
		}
	}
	return l
}

// mayServe reports whether the request could have come to the handler: only a site's
// hosts can be told from here, as paths may have been rewritten.
func (g *guarded) mayServe(r *http.Request) bool {
	for _, set := range g.site {
		fits := true
		for _, matcher := range set {
			if hosts, ok := matcher.(*caddyhttp.MatchHost); ok {
				match, err := hosts.MatchWithError(r)
				fits = fits && (match || err != nil)
			}
		}
		if fits {
			return true
		}
	}
	return len(g.site) == 0
}

// errorStatus is the status of the error that is being handled.
func errorStatus(r *http.Request) int {
	err, _ := r.Context().Value(caddyhttp.ErrorCtxKey).(error)
	if he, ok := errors.AsType[caddyhttp.HandlerError](err); ok && he.StatusCode > 0 {
		return he.StatusCode
	}
	return http.StatusInternalServerError
}

// guardErrorRoutes puts an errorFront before all error routes that errors of this handler,
// or from before it, can come to: those of the server, and those of the subroutes that it
// is in. Caddy provisions routes before the error routes beside them, and named routes last.
func (h *Handler) guardErrorRoutes(ctx caddy.Context) error {
	g := guarded{Handler: h}
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if server != nil {
		if at := slices.IndexFunc(server.Routes, isBeingProvisioned); at >= 0 {
			g.site = server.Routes[at].MatcherSets
		}
	}
	for _, module := range ctx.Modules() {
		subroute, ok := module.(*caddyhttp.Subroute)
		if ok && subroute.Errors != nil && slices.ContainsFunc(subroute.Routes, isBeingProvisioned) {
			if err := addFront(ctx, &subroute.Errors.Routes, g); err != nil {
				return err
			}
		}
	}
	if server == nil || server.Errors == nil || len(server.Errors.Routes) == 0 {
		return nil
	}
	switch errorRoutes := server.Errors.Routes; {
	case slices.ContainsFunc(server.Routes, isBeingProvisioned):
		return addFront(ctx, &server.Errors.Routes, g)
	case slices.ContainsFunc(errorRoutes, isBeingProvisioned):
		return nil // it is one of the error routes itself
	case frontOf(errorRoutes) != nil:
		return addFront(ctx, &server.Errors.Routes, g)
	default:
		// a named route: the list is in force already, but those of subroutes are read
		// anew for each request
		return addFrontInside(ctx, errorRoutes, g)
	}
}

// isBeingProvisioned reports whether a route's handlers are still to be loaded, or being so.
func isBeingProvisioned(r caddyhttp.Route) bool { return len(r.HandlersRaw) > 0 }

// frontOf returns the errorFront at the head of a list of routes.
func frontOf(routes caddyhttp.RouteList) *errorFront {
	if len(routes) == 0 || len(routes[0].Handlers) == 0 {
		return nil
	}
	front, _ := routes[0].Handlers[0].(*errorFront)
	return front
}

// addFront adds a handler to the errorFront of a list, which is made if there is none.
func addFront(ctx caddy.Context, routes *caddyhttp.RouteList, g guarded) error {
	if front := frontOf(*routes); front != nil {
		front.gates = append(front.gates, g)
		return nil
	}
	route := caddyhttp.Route{Handlers: []caddyhttp.MiddlewareHandler{&errorFront{gates: []guarded{g}}}}
	if err := route.ProvisionHandlers(ctx, nil); err != nil {
		return err
	}
	*routes = slices.Insert(*routes, 0, route)
	return nil
}

// addFrontInside does so in each of the subroutes that a list consists of, as the
// Caddyfile adapter makes them.
func addFrontInside(ctx caddy.Context, routes caddyhttp.RouteList, g guarded) error {
	for _, route := range routes {
		for _, handler := range route.Handlers {
			subroute, ok := handler.(*caddyhttp.Subroute)
			if !ok {
				return fmt.Errorf("wechat_auth in a named route alone cannot guard the server's error routes: one of them has the handler %s outside of a subroute; put it into a subroute, or wechat_auth into the server's routes", caddy.GetModuleName(handler))
			}
			if err := addFront(ctx, &subroute.Routes, g); err != nil {
				return err
			}
		}
	}
	return nil
}

// Interface guards
var _ caddyhttp.MiddlewareHandler = (*errorFront)(nil)
