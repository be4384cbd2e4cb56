// endpoint.go: the paths under "prefix": which call it is, and whether the
// request may be one.

package caddymodule

import (
	"net/http"
	"slices"
	"strings"
)

// endpoint is one call that the gateway answers itself.
type endpoint struct {
	method string
	serve  func(*Handler, http.ResponseWriter, *http.Request) error
}

// endpoints by their path below the prefix.
var endpoints = map[string]endpoint{
	"login":     {http.MethodPost, (*Handler).login},
	"session":   {http.MethodGet, (*Handler).session},
	"logout":    {http.MethodPost, (*Handler).logout},
	"userinfo":  {http.MethodPost, (*Handler).userInfo},
	"phone":     {http.MethodPost, (*Handler).phone},
	"opendata":  {http.MethodPost, (*Handler).openData},
	"jwks.json": {http.MethodGet, (*Handler).jwks},
}

// belowPrefix returns the rest of a path below the prefix. The decoded path
// decides; whatever lies below is answered here and never proxied.
func (h *Handler) belowPrefix(path string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(path, h.Prefix); !ok || rest == "" {
		return "", false
	}
	return strings.CutPrefix(rest, "/")
}

// serveEndpoint answers a request below the prefix.
func (h *Handler) serveEndpoint(w http.ResponseWriter, r cleanRequest, name string) error {
	err := h.tryEndpoint(w, r, name)
	if err == nil {
		return nil
	}
	p := classify(err)
	p.closes = p.closes && r.ProtoMajor == 1 // the others have no such header, and other requests under way
	h.app.logRefusal(r.Request, "endpoint", p, err)
	return p.write(w)
}

func (h *Handler) tryEndpoint(w http.ResponseWriter, r cleanRequest, name string) error {
	if err := limitBody(w, r.Request); err != nil {
		return err
	}
	e, ok := endpoints[name]
	if !ok {
		return &requestError{status: http.StatusNotFound, description: "there is no such endpoint"}
	}
	// GET implies HEAD (RFC 9110 section 9.3.2); net/http drops the body
	allowed := []string{e.method}
	if e.method == http.MethodGet {
		allowed = append(allowed, http.MethodHead)
	}
	if !slices.Contains(allowed, r.Method) {
		return &requestError{
			status: http.StatusMethodNotAllowed, allow: strings.Join(allowed, ", "),
			description: "this endpoint takes " + e.method,
		}
	}
	if inEarlyData(r.Request) {
		return &requestError{
			status:      http.StatusTooEarly,
			description: "send this again after the TLS handshake: early data can be replayed",
		}
	}
	if h.Cookie != "" && e.method == http.MethodPost && foreignOrigin(r.Request) {
		return errOrigin
	}
	return e.serve(h, w, r.Request)
}

// inEarlyData reports whether the request may be a replay of TLS early data
// (RFC 8470), as this server or a proxy in front of it saw it.
func inEarlyData(r *http.Request) bool {
	return r.TLS != nil && !r.TLS.HandshakeComplete || slices.Contains(r.Header["Early-Data"], "1")
}
