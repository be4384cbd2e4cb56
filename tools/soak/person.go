// person.go: one user with a phone, and what he knows of his sessions.

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// remembered is how many sessions somebody goes on trying, those that are over too.
const remembered = 12

// person is a user. He does one thing at a time, but for his WebSockets.
type person struct {
	w      *world
	realm  *realm
	number int
	openid string
	app    string
	dice   *rand.Rand

	browsers []*browser // of one who logs in by redirect

	logins   []*login
	phantoms []time.Time // logins whose answer never came, and which may have happened
	oldKey   bool        // WeChat may have made a key that the gateway never heard of
	phone    string
	requests int
	lately   atomic.Pointer[string] // his newest token, for others to try

	sockets sync.WaitGroup
	closing chan struct{}
}

func newPerson(w *world, r *realm, number int, seed uint64) *person {
	p := &person{
		w: w, realm: r, number: number, openid: fmt.Sprintf("oSoak%023d", number), app: appID,
		dice: rand.New(rand.NewPCG(seed, uint64(100+number))), closing: make(chan struct{}),
	}
	if number%4 == 3 {
		p.app = officialID
		for range 3 {
			p.browsers = append(p.browsers, newBrowser())
		}
	}
	return p
}

// live does one thing after another.
func (p *person) live(ending <-chan struct{}) {
	for {
		select {
		case <-ending:
			return
		case <-time.After(time.Duration(50+p.dice.IntN(150)) * time.Millisecond):
			p.act()
		}
	}
}

// hangUp closes his WebSockets.
func (p *person) hangUp() {
	close(p.closing)
	p.sockets.Wait()
	p.closing = make(chan struct{})
}

// act is a thing to do, and how often.
type act struct {
	often int
	do    func(p *person, g *gateway, l *login)
}

// acts are those of a user of the mini program.
var acts = []act{
	{40, (*person).call}, {6, (*person).ask}, {6, (*person).public}, {6, (*person).wrongToken},
	{6, func(p *person, g *gateway, _ *login) { p.login(g) }},
	{4, (*person).userInfo}, {3, (*person).openData}, {3, (*person).phoneNumber}, {2, (*person).replay}, {2, (*person).badData},
	{3, (*person).logout}, {1, (*person).revoke}, {1, func(p *person, g *gateway, _ *login) { p.revokeAll(g) }},
	{4, func(p *person, g *gateway, _ *login) { p.list(g) }},
	{3, (*person).openSocket}, {3, (*person).enter},
}

// webActs are those of one who logs in by redirect.
var webActs = []act{
	{30, (*person).call}, {5, (*person).ask}, {5, (*person).public}, {4, (*person).wrongToken},
	{14, func(p *person, g *gateway, _ *login) { p.redirect(g) }}, {14, func(p *person, g *gateway, _ *login) { p.page(g) }},
	{3, (*person).logout}, {1, (*person).revoke}, {1, func(p *person, g *gateway, _ *login) { p.revokeAll(g) }},
	{4, func(p *person, g *gateway, _ *login) { p.list(g) }},
	{3, (*person).openSocket},
}

// acts are what a person does.
func (p *person) acts() []act {
	if p.browsers != nil {
		return webActs
	}
	return acts
}

// act does one thing, with any of his sessions, at any gateway of his realm.
func (p *person) act() {
	g := p.realm.gateways[p.dice.IntN(len(p.realm.gateways))]
	p.tidy()
	if !slices.ContainsFunc(p.logins, func(l *login) bool { return !l.is(over) }) {
		if p.browsers != nil {
			p.redirect(g)
		} else {
			p.login(g)
		}
		return
	}
	l := p.logins[p.dice.IntN(len(p.logins))]
	for range 2 { // rather one that lives, but those that are over, too
		if !l.ended().IsZero() {
			l = p.logins[p.dice.IntN(len(p.logins))]
		}
	}
	n := 0
	for _, a := range p.acts() {
		n += a.often
	}
	n = p.dice.IntN(n)
	for _, a := range p.acts() {
		if n -= a.often; n < 0 {
			a.do(p, g, l)
			return
		}
	}
}

// tidy forgets what is long over.
func (p *person) tidy() {
	p.phantoms = slices.DeleteFunc(p.phantoms, func(at time.Time) bool { return time.Since(at) > lifetime+doubt })
	for len(p.logins) > remembered {
		// not one that has just expired: a gateway may count it for a minute, and the audit
		// asks how many may be counted
		i := slices.IndexFunc(p.logins, func(l *login) bool { return !l.ended().IsZero() && !l.countedYet() })
		if i < 0 {
			return
		}
		p.logins = slices.Delete(p.logins, i, i+1)
	}
}

// pushOut notes whom a new session has pushed out: the oldest beyond the limit.
// Where it is not known which sessions there are, those who may be out are in doubt.
func (p *person) pushOut(g *gateway) { p.pushedOut(g, true) }

// pushedOut is told whether it is certain that somebody is out.
func (p *person) pushedOut(g *gateway, certain bool) {
	var there []*login
	certain = certain && len(p.phantoms) == 0
	for _, l := range p.logins {
		if l.is(unknown) || l.is(lives) {
			there = append(there, l)
			// one that is about to expire may be counted or not
			certain = certain && l.is(lives) && time.Until(l.expires) > time.Second
		}
	}
	slices.SortFunc(there, func(a, b *login) int { return a.issued.Compare(b.issued) })
	excess := len(there) + len(p.phantoms) - perUser
	if excess <= 0 {
		return
	}
	for i, l := range there {
		switch tied := i >= excess && l.issued.Equal(there[excess-1].issued); {
		case i >= excess && !tied:
			return
		case certain && !tied && (excess == len(there) || !l.issued.Equal(there[excess].issued)):
			l.become(over, g)
		default:
			l.become(unknown, g)
		}
	}
}
