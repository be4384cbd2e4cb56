// browser.go: a browser inside WeChat: its cookies, and the pages it opens.

package main

import (
	"net/http"
	"slices"
	"strings"
)

// siteHost is the name under which browsers know the gateways of a realm.
const siteHost = "soak.localhost"

// browser keeps cookies.
type browser struct {
	cookies map[string]string
	session *login // of its session cookie; nil when it has none
}

func newBrowser() *browser { return &browser{cookies: make(map[string]string)} }

// visit opens an address with its cookies, and keeps those that the answer sets.
func (b *browser) visit(g *gateway, target string) answer {
	r := g.request(target)
	r.Host = siteHost
	r.Header.Set("User-Agent", "Mozilla/5.0 (iPhone) MicroMessenger/8.0.50")
	r.Header.Set("Accept", "text/html,*/*;q=0.8")
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	a := g.do(r)
	for _, c := range a.cookies {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return a
}

func (g *gateway) request(target string) *http.Request {
	r, err := http.NewRequest(http.MethodGet, "http://"+g.site+target, nil)
	if err != nil {
		panic(err)
	}
	return r
}

// token is the session that an answer hands out, or "".
func (a answer) token() string {
	i := slices.IndexFunc(a.cookies, func(c *http.Cookie) bool { return c.Name == cookieName && c.MaxAge >= 0 })
	if a.err != nil || i < 0 {
		return ""
	}
	return a.cookies[i].Value
}

// credential sends an API call with a session's token: as a cookie now and then, if it
// came as one.
func (p *person) credential(g *gateway, target string, l *login) answer {
	if p.browsers == nil || p.dice.IntN(2) == 0 {
		return g.ask("GET", target, l.token, nil)
	}
	r := g.request(target)
	r.AddCookie(&http.Cookie{Name: cookieName, Value: l.token})
	return g.do(r)
}

// page opens a protected page in a browser: who has no session is sent to log in.
func (p *person) page(g *gateway) {
	b, number := p.browsers[p.dice.IntN(len(p.browsers))], p.nextNumber()
	p.w.backend.expect(number, p.openid, p.app)
	a := b.visit(g, "/api/"+number)
	arrived := p.w.backend.arrived(number, a.err == nil)
	if a.err == nil && arrived.IsZero() == (a.status == http.StatusOK) {
		p.w.account.fail("a page at %s: %s, and the backend has seen it: %v", g.name, a.name(), !arrived.IsZero())
	}
	sent := a.err == nil && a.status == http.StatusFound && a.location == "/wechat/authorize?return=%2Fapi%2F"+number
	if b.session == nil {
		p.settle("page, nobody", g, needs{}, a, sent)
		return
	}
	if sent {
		a.status, a.problem = http.StatusUnauthorized, "sent to log in"
	}
	if p.holds("page, "+b.session.name(), g, b.session, needs{}, a, http.StatusOK) && a.body != p.openid {
		p.w.account.fail("wrong identity: the backend was told %q of a page of %q", a.body, p.openid)
	}
}

// isRefusal reports whether an answer is a refusal of that kind, in JSON or as a page.
func (a answer) isRefusal(status int) bool {
	return a.err == nil && a.status == status && a.token() == "" && !strings.Contains(a.body, "panic")
}
