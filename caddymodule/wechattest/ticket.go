// ticket.go: GET /cgi-bin/ticket/getticket, the ticket with which pages inside WeChat are signed.

package wechattest

import (
	"net/http"
	"slices"
	"time"
)

type ticket struct {
	value   string
	expires time.Time
}

type ticketAnswer struct {
	refusal
	Ticket    string `json:"ticket"`
	ExpiresIn int    `json:"expires_in"`
}

const ticketLength = 86 // that of the page's sample

// getTicket follows appendix 1 of the JS-SDK page. It is a call of Official Accounts. Whether a second call gives the
// same ticket is not published: here it does, until five minutes before its end.
func (s *Server) getTicket(r request) answer {
	if r.method != http.MethodGet {
		return refuse(r.now, errNotGET)
	}
	appid, errcode := s.authorizeFor(r, KindOfficial)
	if errcode != 0 {
		return refuse(r.now, errcode)
	}
	kind := r.query.Get("type")
	if !slices.Contains([]string{"jsapi", "wx_card"}, kind) {
		return refuse(r.now, errArguments)
	}
	a := s.app(r.now, appid)
	if !a.ticketDay.allow(r.now, day, s.opts.Quotas.TicketPerDay) {
		return refuse(r.now, errDayQuota)
	}
	t := a.tickets[kind]
	if t.expires.Sub(r.now) <= tokenOverlap {
		t = ticket{randomText(base64url, ticketLength), r.now.Add(tokenLifetime)}
		if a.tickets == nil {
			a.tickets = make(map[string]ticket)
		}
		a.tickets[kind] = t
	}
	return succeed(ticketAnswer{refusal{0, "ok"}, t.value, int(t.expires.Sub(r.now) / time.Second)})
}

// JSAPITicket returns the app's ticket of type jsapi, or "" before anybody asked for it (JS-SDK page, appendix 1):
// with it a test can check a page's signature.
func (s *Server) JSAPITicket(appid string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.apps.use(appid)
	if !ok {
		return ""
	}
	return a.tickets["jsapi"].value
}
