// endpoint.go: the paths under the prefix: which call it is, and whether the
// request may be one.

package endpoint

import (
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
)

// call is one call that the gateway answers itself.
type call struct {
	method string
	serve  func(*Site, http.ResponseWriter, gate.Clean) error
}

// calls by their path below the prefix.
var calls = map[string]call{
	"login":     {http.MethodPost, (*Site).login},
	"session":   {http.MethodGet, (*Site).session},
	"logout":    {http.MethodPost, (*Site).logout},
	"userinfo":  {http.MethodPost, (*Site).userInfo},
	"phone":     {http.MethodPost, (*Site).phone},
	"opendata":  {http.MethodPost, (*Site).openData},
	"jwks.json": {http.MethodGet, (*Site).jwks},
}

// Below returns the rest of a path below the prefix. The decoded path decides;
// whatever lies below is answered by Serve and never proxied.
func (s *Site) Below(path string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(path, s.Prefix); !ok || rest == "" {
		return "", false
	}
	return strings.CutPrefix(rest, "/")
}

// Serve answers a request for a path below the prefix.
func (s *Site) Serve(w http.ResponseWriter, r gate.Clean, name string) error {
	err := s.try(w, r, name)
	if err == nil {
		return nil
	}
	p := problem.Classify(err)
	p.Closes = p.Closes && r.ProtoMajor == 1 // the others have no such header, and other requests under way
	s.Log.Refusal(r.Request, "endpoint", p, err)
	return p.Write(w)
}

func (s *Site) try(w http.ResponseWriter, r gate.Clean, name string) error {
	if err := limitBody(w, r.Request); err != nil {
		return err
	}
	c, ok := calls[name]
	if !ok {
		return &problem.RequestError{Status: http.StatusNotFound, Description: "there is no such endpoint"}
	}
	// GET implies HEAD (RFC 9110 section 9.3.2); net/http drops the body
	allowed := []string{c.method}
	if c.method == http.MethodGet {
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
	asked := gate.Describe(r, nil)
	if s.Rules.Cookie != "" && c.method == http.MethodPost && gate.ForeignOrigin(&asked) {
		return gate.ErrOrigin
	}
	return c.serve(s, w, r)
}

// inEarlyData reports whether the request may be a replay of TLS early data
// (RFC 8470), as this server or a proxy in front of it saw it.
func inEarlyData(r *http.Request) bool {
	return r.TLS != nil && !r.TLS.HandshakeComplete || slices.Contains(r.Header["Early-Data"], "1")
}
