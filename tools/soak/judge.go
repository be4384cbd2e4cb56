// judge.go: whether an answer is right, explained, or neither.

package main

import (
	"net/http"
	"slices"
)

// settle counts an answer, and reports whether it was a right one.
func (p *person) settle(kind string, g *gateway, n needs, a answer, right bool) bool {
	if right {
		p.w.account.count(kind, a.name(), "")
		return true
	}
	if by := p.w.troubles.explain(g, p.realm, n, a); by != nil {
		p.w.account.disturb(kind, a.name(), by)
		return false
	}
	p.w.account.count(kind, a.name(), unexplained)
	p.w.account.fail("%s at %s: %s without a reason (%v, took %v) %.200s", kind, g.name, a.name(), a.err, a.done.Sub(a.sent), a.body)
	return false
}

// holds judges the answer to a request that a session was sent with, and reports
// whether it is one of the wanted. Whether the session lives comes first.
func (p *person) holds(kind string, g *gateway, l *login, n needs, a answer, wanted ...int) bool {
	in, out := l.may(g, a.sent, a.done)
	n.store = true
	answered := a.err == nil && slices.Contains(wanted, a.status)
	switch {
	case a.err == nil && a.status == http.StatusUnauthorized:
		if !out {
			p.w.account.count(kind, a.name(), "LOST")
			p.w.account.fail("a session that lives is lost: %s at %s: %s; logged in at %v, the session was %s", kind, g.name, a.name(), l.issued, l.name())
			l.become(over, g)
			return false
		}
		l.learn(g, false)
		p.w.account.count(kind, a.name(), "")
		return false
	case answered && !in:
		p.w.account.count(kind, a.name(), "BACK")
		p.w.account.fail("a session that ended is back: %s at %s: %s; over since %v", kind, g.name, a.name(), a.sent.Sub(l.ended()))
		return false
	case answered:
		l.learn(g, true)
	}
	return p.settle(kind, g, n, a, answered)
}
