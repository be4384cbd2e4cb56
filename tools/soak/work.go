// work.go: requests for the backend, with tokens good and bad.

package main

import (
	"fmt"
	"net/http"
	"strings"
)

// number names a request.
func (p *person) nextNumber() string {
	p.requests++
	return fmt.Sprintf("%d-%d", p.number, p.requests)
}

// call is an API call. What reached the backend must be his, and of a session that
// lived; whether it did, and as whom, the backend has seen.
func (p *person) call(g *gateway, l *login) {
	kind, number := "API call, "+l.name(), p.nextNumber()
	p.w.backend.expect(number, p.openid, p.app)
	a := p.credential(g, "/api/"+number, l)
	arrived := p.w.backend.arrived(number, a.err == nil)
	if in, _ := l.may(g, a.sent, a.done); !arrived.IsZero() && !in {
		p.w.account.fail("a request of a session that ended reached the backend: %s at %s", kind, g.name)
	}
	if a.err == nil && arrived.IsZero() == (a.status == http.StatusOK) {
		p.w.account.fail("%s at %s: %s, and the backend has seen it: %v", kind, g.name, a.name(), !arrived.IsZero())
	}
	if p.holds(kind, g, l, needs{}, a, http.StatusOK) && a.body != p.openid {
		p.w.account.fail("wrong identity: the backend was told %q of a request of %q", a.body, p.openid)
	}
}

// public is a page that needs no session: the identity is told when there is one.
func (p *person) public(g *gateway, l *login) {
	kind, number := "public page, "+l.name(), p.nextNumber()
	p.w.backend.expect(number, p.openid, p.app)
	a := g.ask("GET", "/public/"+number, l.token, nil)
	p.w.backend.arrived(number, a.err == nil)
	in, out := l.may(g, a.sent, a.done)
	right := a.err == nil && a.status == http.StatusOK && (a.body == p.openid && in || a.body == "" && out)
	if a.err == nil && a.status == http.StatusOK && !right {
		p.w.account.fail("%s at %s: the backend was told %q, a session may live: %v, may have ended: %v", kind, g.name, a.body, in, out)
	}
	p.settle(kind, g, needs{store: true}, a, right)
}

// wrongToken tries what is no token of this realm.
func (p *person) wrongToken(g *gateway, l *login) {
	number, token := p.nextNumber(), ""
	at := len(l.token)/2 + p.dice.IntN(len(l.token)/2)
	switch p.dice.IntN(4) {
	case 0: // one character changed; the last one has bits that mean nothing
		c := byte('A')
		if at = min(at, len(l.token)-2); l.token[at] == c || l.token[at] == '.' {
			c = 'B'
		}
		token = l.token[:at] + string(c) + l.token[at+1:]
	case 1:
		token = l.token[:strings.LastIndexByte(l.token, '.')+1]
	case 2:
		token = "e30.e30.e30"
	case 3: // of the other realm, which signs with another key
		other := p.w.crowd[p.dice.IntN(len(p.w.crowd))]
		if token = other.lent(); other.realm == p.realm || token == "" {
			token = "x.y.z"
		}
	}
	p.w.backend.expect(number, "", "")
	a := g.ask("GET", "/api/"+number, token, nil)
	p.w.backend.arrived(number, a.err == nil)
	p.settle("API call, wrong token", g, needs{}, a, a.err == nil && a.status == http.StatusUnauthorized)
}

// ask asks for his own session.
func (p *person) ask(g *gateway, l *login) {
	a := g.ask("GET", "/wechat/session", l.token, nil)
	if p.holds("GET session, "+l.name(), g, l, needs{}, a, http.StatusOK) && a.member("openid") != p.openid {
		p.w.account.fail("wrong identity: the session of %q is one of %q", p.openid, a.member("openid"))
	}
}
