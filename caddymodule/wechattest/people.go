// people.go: which app is meant when the phone names none. Ours, not WeChat's: a real phone always knows.

package wechattest

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// person is an openid over all apps: where it logged in.
type person struct {
	exchanged string // the app that exchanged a code of it last; empty: none yet
	issued    string // the app of the last code that named one
	open      *code  // the last code, while it names no app and nobody has exchanged it
}

// person finds or makes up the openid; the caller holds the mutex.
func (s *Server) person(now time.Time, openid string) *person {
	p, ok := s.people.use(openid)
	if !ok {
		p = new(person)
		s.people.put(now, openid, p)
	}
	return p
}

func (s *Server) noteIssue(now time.Time, c *code) {
	p := s.person(now, c.openid)
	if c.appid == "" {
		p.open = c
		return
	}
	p.issued, p.open = c.appid, nil
}

func (s *Server) noteExchange(now time.Time, c *code) {
	p := s.person(now, c.openid)
	p.exchanged, s.lastApp = c.appid, c.appid
	if p.open == c {
		p.open = nil
	}
}

// holder finds whose phone it is. An empty appid means the app in which the openid logged in last.
func (s *Server) holder(now time.Time, appid, openid string) (*user, bool) {
	p, known := s.people.use(openid)
	if !known {
		p = new(person)
	}
	appid = cmp.Or(appid, p.exchanged, p.issued, s.likelyApp())
	if p.open == nil {
		return s.users.use(userKey(appid, openid))
	}
	// The phone has a code that its app will exchange later, for the key that open data is made with now.
	u := s.user(now, appid, openid)
	s.turnKey(u, p.open)
	return u, true
}

// likelyApp is the app of somebody whose only codes named none and wait for their exchange: the one that exchanged a
// code here last, for any user; before that [DemoAppID], or the first by name of the mini programs configured.
func (s *Server) likelyApp() string {
	switch {
	case s.lastApp != "":
		return s.lastApp
	case len(s.opts.Apps) == 0:
		return DemoAppID
	}
	if minis := s.miniApps(); len(minis) > 0 {
		return minis[0]
	}
	return slices.Min(slices.Collect(maps.Keys(s.opts.Apps)))
}
