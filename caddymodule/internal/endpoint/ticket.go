// ticket.go: POST <prefix>/ticket and GET <prefix>/enter: from a mini program into its
// web-view, without a token in any address.

package endpoint

import (
	"net/http"
	"net/url"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/login"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/weblogin"
)

type ticketResponse struct {
	Ticket    string `json:"ticket"`
	ExpiresIn int64  `json:"expires_in"`
}

func (s *Site) ticket(w http.ResponseWriter, r gate.Clean) error {
	c, err := s.live(r)
	if err != nil {
		return err
	}
	text, life, err := s.Web.Tickets.Make(r.Context(), c.Session)
	if err != nil {
		return err
	}
	return problem.WriteJSON(w, http.StatusOK, ticketResponse{Ticket: text, ExpiresIn: int64(life / time.Second)})
}

// enter takes a ticket. Nothing is spent before it is certain that the user may come
// in here.
func (s *Site) enter(w http.ResponseWriter, r gate.Clean) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem.BadRequest("the query cannot be read")
	}
	if len(query["ticket"]) != 1 {
		return login.ErrBadTicket
	}
	if err := s.Login.Limits.Login(login.Network(s.Server.ClientIP(r.Request))); err != nil {
		return err
	}
	from, spend, err := s.Web.Tickets.Look(r.Context(), query.Get("ticket"))
	if err != nil {
		return err
	}
	if s.Rules.Apps.Find(from.AppID) == nil {
		return login.ErrBadTicket
	}
	previous, err := s.previous(r)
	if err != nil {
		return err
	}
	if previous != nil && (previous.AppID != from.AppID || previous.OpenID != from.OpenID) {
		return login.ErrSomebodyElse
	}
	if previous != nil && previous.ID == from.ID {
		previous = nil // the mini program's own session lives on
	}
	if err := spend(r.Context()); err != nil {
		return err
	}
	start := time.Now()
	made, token, err := s.Login.Enter(r.Context(), from, previous)
	s.Log.Login(from.AppID, made, time.Since(start), err)
	if err != nil {
		return err
	}
	http.SetCookie(w, gate.SessionCookie(s.Rules.Cookie, token, made.ExpiresAt.Sub(made.IssuedAt)))
	redirect(w, weblogin.ParseReturn(query["return"]...))
	return nil
}
