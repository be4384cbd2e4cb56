// endpoint.go: the paths under the prefix: which call it is, and whether the
// request may be one.

package endpoint

import (
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weblogin"
)

// call is one call that the gateway answers itself.
type call struct {
	method string
	serve  func(*Site, http.ResponseWriter, gate.Clean) error

	web    bool // there is none on a site without logins by redirect
	pages  bool // there is none on a site without an Official Account
	page   bool // a browser opens it: refusals are pages for a navigation
	secret bool // its query is, and must stand in no log; and what it does is done once, so HEAD is refused
}

// calls by their path below the prefix.
var calls = map[string]call{
	"login":     {method: http.MethodPost, serve: (*Site).login},
	"session":   {method: http.MethodGet, serve: (*Site).session},
	"logout":    {method: http.MethodPost, serve: (*Site).logout},
	"userinfo":  {method: http.MethodPost, serve: (*Site).userInfo},
	"phone":     {method: http.MethodPost, serve: (*Site).phone},
	"opendata":  {method: http.MethodPost, serve: (*Site).openData},
	"jwks.json": {method: http.MethodGet, serve: (*Site).jwks},
	"authorize": {method: http.MethodGet, serve: (*Site).authorize, web: true, page: true},
	"callback":  {method: http.MethodGet, serve: (*Site).callback, web: true, page: true, secret: true},
	"enter":     {method: http.MethodGet, serve: (*Site).enter, web: true, page: true, secret: true},
	"ticket":    {method: http.MethodPost, serve: (*Site).ticket, web: true},
	"jssdk":     {method: http.MethodGet, serve: (*Site).jssdk, pages: true},
}

// Below returns the rest of a path below the prefix. The decoded path decides;
// whatever lies below is answered by Serve and never proxied. So is the address of a call
// after too many slashes, as a base URL with one at its end makes them: its rest begins
// with one.
func (s *Site) Below(path string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(path, s.Prefix); ok {
		return strings.CutPrefix(rest, "/")
	}
	if len(path) < 2 || path[1] != '/' {
		return "", false
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(path, "/"), s.Prefix[1:]+"/")
	if _, known := calls[rest]; !known {
		return "", false
	}
	return "/" + rest, ok
}

// noEndpoint says what is wrong with the address of a call below the prefix that no endpoint answers.
func (s *Site) noEndpoint(name string) error {
	description := "there is no such endpoint"
	if meant := strings.Trim(name, "/"); meant != name {
		if _, known := calls[meant]; known {
			description += ": the address has a slash too many; it is " + s.Prefix + "/" + meant
		}
	}
	return &problem.RequestError{Status: http.StatusNotFound, Description: description}
}

// Serve answers a request for a path below the prefix.
func (s *Site) Serve(w http.ResponseWriter, r gate.Clean, name string) error {
	c, known := calls[name]
	if c.web && s.Web == nil || c.pages && !s.hasPages() {
		known = false
	}
	if c.secret || calls[strings.Trim(name, "/")].secret { // also with a slash too many
		s.Server.SkipLog(r.Request)
	}
	if s.Share(w.Header(), r.Request) && known && IsPreflight(r.Request) {
		answerPreflight(w, c)
		return nil
	}
	err := s.try(w, r, name, c, known)
	if err == nil {
		return nil
	}
	p := problem.Classify(err)
	p.Closes = p.Closes && r.ProtoMajor == 1 // the others have no such header, and other requests under way
	s.Log.Refusal(r.Request, "endpoint", p, err)
	if known && c.page && weblogin.IsNavigation(r.Method, r.Header) {
		s.writePage(w, r, p, err)
		return nil
	}
	return p.Write(w)
}

func (s *Site) try(w http.ResponseWriter, r gate.Clean, name string, c call, known bool) error {
	if err := limitBody(w, r.Request); err != nil {
		return err
	}
	if !known {
		return s.noEndpoint(name)
	}
	// GET implies HEAD (RFC 9110 section 9.3.2); net/http drops the body
	allowed := []string{c.method}
	if c.method == http.MethodGet && !c.secret {
		allowed = append(allowed, http.MethodHead)
	}
	if !slices.Contains(allowed, r.Method) {
		return &problem.RequestError{
			Status: http.StatusMethodNotAllowed, Allow: strings.Join(allowed, ", "),
			Description: "this endpoint takes " + c.method,
		}
	}
	if inEarlyData(r.Request) {
		return &problem.RequestError{
			Status:      http.StatusTooEarly,
			Description: "send this again after the TLS handshake: early data can be replayed",
		}
	}
	return c.serve(s, w, r)
}

// inEarlyData reports whether the request may be a replay of TLS early data
// (RFC 8470), as this server or a proxy in front of it saw it.
func inEarlyData(r *http.Request) bool {
	return r.TLS != nil && !r.TLS.HandshakeComplete || slices.Contains(r.Header["Early-Data"], "1")
}
