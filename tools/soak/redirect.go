// redirect.go: logging in by redirect, as pages inside WeChat do: to the end, not to the
// end, twice, as nobody; and into a web-view by a ticket.

package main

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// redirect begins a login at one gateway, and mostly ends it at any of the realm.
func (p *person) redirect(g *gateway) {
	b := p.browsers[p.dice.IntN(len(p.browsers))]
	if p.dice.IntN(10) == 0 {
		*b = *newBrowser() // a new one, or all its cookies were deleted
	}
	to := "/public/" + p.nextNumber()
	a := b.visit(g, "/wechat/authorize?return="+to)
	began := a.err == nil && a.status == http.StatusFound && strings.HasPrefix(a.location, p.w.wechat.url+"/connect/oauth2/authorize?appid="+officialID+"&")
	if !p.settle("authorize", g, needs{store: true}, a, began) {
		return
	}
	at, err := url.Parse(a.location)
	if err != nil {
		p.w.account.fail("authorize at %s leads to %q", g.name, a.location)
		return
	}
	end := "/wechat/callback?state=" + at.Query().Get("state")
	g = p.anyGateway()

	snapshot := false
	switch p.dice.IntN(12) {
	case 0:
		p.w.account.count("login by redirect", "abandoned", "")
		return
	case 1:
		a := b.visit(g, end)
		p.settle("callback, the user refused", g, needs{store: true}, a, a.isRefusal(http.StatusForbidden))
		if p.dice.IntN(2) == 0 {
			return
		} // else back, and agreed
	case 2:
		snapshot = true
	}
	code, err := p.w.wechat.webCode(p.openid, snapshot)
	if err != nil {
		p.w.account.fail("%v", err)
		return
	}
	end += "&code=" + code
	if snapshot {
		a := b.visit(g, end)
		p.settle("callback, snapshot user", g, needs{store: true, wechat: true}, a, a.isRefusal(http.StatusForbidden))
		if a.token() != "" {
			p.w.account.fail("a snapshot user has a session at %s", g.name)
		}
		return
	}
	if p.dice.IntN(6) == 0 {
		p.elsewhere(end)
	}
	l := p.callback(b, g, end, to)
	if l == nil {
		return
	}
	if p.dice.IntN(3) == 0 {
		again := p.anyGateway()
		a := b.visit(again, end)
		in, out := l.may(again, a.sent, a.done)
		right := a.err == nil && (in && a.status == http.StatusFound && a.location == to || out && a.isRefusal(http.StatusBadRequest))
		p.settle("callback, loaded again", again, needs{store: true}, a, right && a.token() == "")
	}
	if p.dice.IntN(4) == 0 {
		p.elsewhere(end)
	}
}

func (p *person) anyGateway() *gateway { return p.realm.gateways[p.dice.IntN(len(p.realm.gateways))] }

// elsewhere opens a callback in a browser that did not begin the login.
func (p *person) elsewhere(target string) {
	g := p.anyGateway()
	a := newBrowser().visit(g, target)
	if a.token() != "" {
		p.w.account.fail("a callback logs another browser in at %s", g.name)
	}
	p.settle("callback, in another browser", g, needs{store: true}, a, a.isRefusal(http.StatusBadRequest))
}

// callback ends a login, with two loads at once now and then, and returns its session.
func (p *person) callback(b *browser, g *gateway, target, to string) *login {
	kind, loads := "callback", make([]answer, 1)
	if p.dice.IntN(6) == 0 {
		kind, loads = "callback, two at once", make([]answer, 2)
	}
	before := b.session
	var both sync.WaitGroup
	for i := range loads {
		of := &browser{cookies: map[string]string{}} // the cookies as they are now, for each
		for name, value := range b.cookies {
			of.cookies[name] = value
		}
		both.Go(func() { loads[i] = of.visit(g, target) })
	}
	both.Wait()
	token, lost := "", false
	for _, a := range loads {
		for _, c := range a.cookies {
			if c.MaxAge < 0 {
				delete(b.cookies, c.Name)
			} else {
				b.cookies[c.Name] = c.Value
			}
		}
		right := a.err == nil && a.status == http.StatusFound && a.location == to
		if right && a.token() == "" && len(loads) == 1 {
			// Go's client repeats a GET whose connection broke: the first may have logged in
			if one := p.w.troubles.during(g, a.sent, a.done, gatewayDown, gatewayReload); one != nil {
				p.w.account.disturb(kind, "302 without a session", one)
				lost = true
				continue
			}
			right = false
		}
		p.settle(kind, g, needs{store: true, wechat: true}, a, right)
		lost = lost || a.err != nil || a.status >= 500
		switch got := a.token(); {
		case got != "" && token != "" && got != token:
			p.w.account.fail("two loads of one callback at %s make two sessions", g.name)
		case got != "":
			token = got
		}
	}
	if token == "" {
		if lost {
			p.phantoms = append(p.phantoms, loads[0].done)
			if before != nil {
				before.become(unknown, g)
			}
			p.pushOut(g)
		} else if len(loads) == 2 && loads[0].status == http.StatusFound {
			p.w.account.fail("two loads of one callback at %s, and no session", g.name)
		}
		return nil
	}
	l, ok := readLogin(token)
	if !ok {
		p.w.account.fail("the session cookie of %s cannot be read", g.name)
		return nil
	}
	// one that is replaced has a place of its own; the gateway may not have heard yet that
	// it was over
	certain := before == nil || before.is(lives) && time.Until(before.expires) > time.Second ||
		!before.ended().IsZero() && time.Since(before.ended()) > elsewhere+time.Second
	if before != nil { // where the store failed meanwhile, it may live on
		if p.realm.redis && p.w.troubles.during(g, loads[0].sent, loads[0].done, redisDown, gatewayDown) != nil {
			before.become(unknown, g)
		} else {
			before.become(over, g)
		}
	}
	b.session = l
	p.logins = append(p.logins, l)
	p.pushedOut(g, certain)
	p.lately.Store(&l.token)
	return l
}

// enter goes from the mini program into its web-view: one more session of the same user.
func (p *person) enter(g *gateway, l *login) {
	a := g.ask("POST", "/wechat/ticket", l.token, nil)
	if !p.holds("ticket, "+l.name(), g, l, needs{}, a, http.StatusOK) {
		return
	}
	target := "/wechat/enter?return=%2Fshop&ticket=" + a.member("ticket")
	g = p.anyGateway()
	a = newBrowser().visit(g, target)
	if a.err == nil && a.status == http.StatusUnauthorized {
		if _, out := l.may(g, a.sent, a.done); out {
			p.w.account.count("enter", a.name(), "its session had ended")
			return
		}
		if one := p.w.troubles.during(g, a.sent, a.done, gatewayDown, gatewayReload); one != nil {
			p.w.account.disturb("enter", a.name(), one) // see callback
			p.phantoms = append(p.phantoms, a.done)
			p.pushOut(g)
			return
		}
	}
	if !p.settle("enter", g, needs{store: true}, a, a.err == nil && a.status == http.StatusFound && a.location == "/shop" && a.token() != "") {
		if a.err != nil || a.status >= 500 {
			p.phantoms = append(p.phantoms, a.done)
			p.pushOut(g)
		}
		return
	}
	in, ok := readLogin(a.token())
	if !ok {
		p.w.account.fail("the session cookie of %s cannot be read", g.name)
		return
	}
	p.logins = append(p.logins, in)
	p.pushOut(g)
	if p.dice.IntN(3) == 0 {
		again := p.anyGateway()
		a := newBrowser().visit(again, target)
		if a.token() != "" {
			p.w.account.fail("a ticket worked twice")
		}
		p.settle("enter, ticket used before", again, needs{store: true}, a, a.isRefusal(http.StatusUnauthorized))
	}
}
