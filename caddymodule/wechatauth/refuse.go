// refuse.go: turning a request away, in JSON or by the site's own error routes.

package wechatauth

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
)

// methodRefusal answers for what the gate passes on for nobody, and never hands on to an
// error route, which would.
var methodRefusal = problem.Problem{
	Status: http.StatusMethodNotAllowed, Code: "invalid_request", Reason: "method",
	Description: "this method is not passed on", Allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
}

// refuse ends a proxied request. A site with handle_errors decides the body
// itself; the status and the headers stay. Where its routes do not answer after all,
// the body is ours again (unanswered.go).
func (h *Handler) refuse(w http.ResponseWriter, r gate.Clean, cause error) error {
	p := problem.Classify(cause)
	h.engine.Metrics.Requests.WithLabelValues("", p.Reason).Inc()
	h.engine.Log.Refusal(r.Request, "gate", p, cause)
	// the description, not the cause: it may be shown by the error page
	err := caddyhttp.Error(p.Status, errors.New(p.Description))
	h.site.Share(w.Header(), r.Request)
	if siteHandlesError(r.Request, err) {
		p.SetHeaders(w.Header())
		return err
	}
	return p.Write(w)
}

// siteHandlesError reports whether a route of the server's handle_errors may
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
	if r.Context().Value(caddyhttp.ErrorCtxKey) != nil {
		return false // this is an error route, and there is no other for its errors
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
			if _, ours := handler.(*errorFront); ours {
				continue
			}
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
