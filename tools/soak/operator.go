// operator.go: what the operator does by the admin API of each gateway.

package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// revoke ends a session as the operator; one that is gone is ended, too.
func (p *person) revoke(g *gateway, l *login) {
	a := g.command("DELETE", "/wechat/sessions/"+l.id)
	if p.settle("operator ends a session", g, needs{store: true, admin: true}, a, a.err == nil && a.status == http.StatusNoContent) {
		l.become(over, g)
	} else {
		l.become(unknown, g)
	}
}

// revokeAll ends all sessions of the user as the operator, who hears how many it were.
func (p *person) revokeAll(g *gateway) {
	least, most := 0, len(p.phantoms)
	for _, l := range p.logins {
		if l.is(unknown) || l.is(lives) || l.expired() && time.Now().Before(l.latest()) {
			most++
		}
		if l.is(lives) && time.Until(l.expires) > time.Second {
			least++
		}
	}
	a := g.command("DELETE", "/wechat/users/"+p.app+"/"+p.openid)
	ok := p.settle("operator ends a user's sessions", g, needs{store: true, admin: true}, a, a.err == nil && a.status == http.StatusOK)
	for _, l := range p.logins {
		if ok {
			l.become(over, g)
		} else {
			l.become(unknown, g)
		}
	}
	if !ok {
		return
	}
	var answer struct{ Ended int }
	if err := json.Unmarshal([]byte(a.body), &answer); err != nil || answer.Ended < least || answer.Ended > most {
		p.w.account.fail("the operator ended %s at %s; there were %d to %d", a.body, g.name, least, most)
	}
	// what is under way may come after it
	p.phantoms = slices.DeleteFunc(p.phantoms, func(at time.Time) bool { return time.Since(at) > doubt })
}

// list is the operator's look at a user's sessions: all that live and none that is
// over. It settles what was in doubt.
func (p *person) list(g *gateway) {
	const kind = "operator lists a user's sessions"
	a := g.command("GET", "/wechat/sessions?appid="+p.app+"&openid="+p.openid)
	if !p.settle(kind, g, needs{store: true, admin: true}, a, a.err == nil && a.status == http.StatusOK) {
		return
	}
	var answer struct {
		Sessions []struct {
			ID, OpenID string
			IssuedAt   int64 `json:"issued_at"`
		}
	}
	if err := json.Unmarshal([]byte(a.body), &answer); err != nil {
		p.w.account.fail("%s at %s: %v", kind, g.name, err)
		return
	}
	listed := make(map[string]time.Time)
	for _, s := range answer.Sessions {
		listed[s.ID] = time.Unix(s.IssuedAt, 0)
		if s.OpenID != p.openid {
			p.w.account.fail("wrong identity: among the sessions of %q is one of %q", p.openid, s.OpenID)
		}
	}
	for _, l := range p.logins {
		_, there := listed[l.id]
		delete(listed, l.id)
		switch in, out := l.may(g, a.sent, a.done); {
		case there && !in:
			p.w.account.fail("a session that ended is back: %s at %s", kind, g.name)
		case !there && !out:
			p.w.account.fail("a session that lives is lost: %s at %s", kind, g.name)
		}
		l.learn(g, there)
	}
	// the others are of logins whose answer never came
	young := slices.DeleteFunc(slices.Clone(p.phantoms), func(at time.Time) bool { return time.Since(at) > doubt })
	if len(listed) > len(p.phantoms) {
		p.w.account.fail("%s at %s: %d sessions that nobody has made, %d could be", kind, g.name, len(listed), len(p.phantoms))
	}
	p.phantoms = young
	for _, issued := range listed {
		p.phantoms = append(p.phantoms, issued)
	}
}
