// enter.go: logging in and out.

package main

import (
	"net/http"
)

// lent is a token for others to try.
func (p *person) lent() string {
	if token := p.lately.Load(); token != nil {
		return *token
	}
	return ""
}

// login logs him in with a fresh code, and sometimes tries the code once more.
func (p *person) login(g *gateway) {
	code, err := p.w.wechat.code(p.openid)
	if err != nil {
		p.w.account.fail("%v", err)
		return
	}
	// from here on WeChat may have another session key than the gateway
	p.oldKey = true
	n := needs{store: true, wechat: true}
	a := g.ask("POST", "/wechat/login", "", map[string]string{"appid": appID, "code": code})
	if !p.settle("login", g, n, a, a.err == nil && a.status == http.StatusOK) {
		if a.err != nil || a.status >= 500 {
			p.phantoms = append(p.phantoms, a.done)
			p.pushOut(g)
		}
		return
	}
	p.oldKey = false
	l, ok := readLogin(a.member("token"))
	if !ok || a.member("openid") != p.openid {
		p.w.account.fail("wrong identity: a login of %q at %s is one of %q, token readable: %v", p.openid, g.name, a.member("openid"), ok)
		return
	}
	p.logins = append(p.logins, l)
	p.pushOut(g)
	p.lately.Store(&l.token)
	if p.dice.IntN(5) == 0 {
		again := p.realm.gateways[p.dice.IntN(len(p.realm.gateways))]
		a := again.ask("POST", "/wechat/login", "", map[string]string{"appid": appID, "code": code})
		if a.err == nil && a.status == http.StatusOK {
			p.w.account.fail("a code was redeemed twice")
		}
		p.settle("login, code used before", again, n, a, a.err == nil && a.status == http.StatusBadRequest && a.problem == "invalid_grant")
	}
}

// logout ends a session.
func (p *person) logout(g *gateway, l *login) {
	kind := "logout, " + l.name()
	a := g.ask("POST", "/wechat/logout", l.token, nil)
	switch {
	case p.holds(kind, g, l, needs{}, a, http.StatusNoContent):
		l.become(over, g)
	case a.err != nil || a.status >= 500:
		l.become(unknown, g)
	}
}
