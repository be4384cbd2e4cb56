// site.go: what the endpoints of a site work with.

// Package endpoint serves the calls below a site's prefix: logging in and out, the
// session, open data, public keys. It answers every one itself, errors included, and
// hands nothing on.
package endpoint

import (
	"net/http"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/login"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/observe"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/vouch"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Parts are what the endpoints of all sites share.
type Parts struct {
	Gate     *gate.Gate
	Login    *login.Desk
	Vouch    *vouch.Desk
	Sessions *session.Manager
	Log      *observe.Log

	PublicKeys bool // tokens are signed with an asymmetric algorithm
}

// Site serves the endpoints of one site. All fields are needed.
type Site struct {
	*Parts
	Rules  *gate.Rules
	Prefix string // of the paths, such as /wechat
	Server Server
	Web    *Web // nil on a site without logins by redirect
}

// Server is what the endpoints ask of the HTTP server that they are part of.
type Server interface {
	// Earlier returns the caller whom an earlier line found behind the request, or nil.
	Earlier(*http.Request) *gate.Caller

	// Introduce tells the access log who calls.
	Introduce(*http.Request, *gate.Caller)

	// SkipLog keeps the request out of the access log.
	SkipLog(*http.Request)

	// ClientIP is the address of the client, as far as proxies are trusted to tell
	// it; empty when it is not known.
	ClientIP(*http.Request) string
}

// live returns the session that a call is about, and tells the access log whose
// it is.
func (s *Site) live(r gate.Clean) (*gate.Caller, error) {
	c, err := s.identify(r)
	if err == nil {
		s.Server.Introduce(r.Request, c)
	}
	return c, err
}

// identify returns the session behind a call.
func (s *Site) identify(r gate.Clean) (*gate.Caller, error) {
	asked := gate.Describe(r, s.Server.Earlier(r.Request))
	creds := s.Rules.Credentials(r.Header)
	return s.Rules.Identify(r.Context(), &asked, &creds)
}
