// reveal.go: user info, phone number and other data, true, false and sent twice.

package main

import "net/http"

// mostFailures is how many pieces of data may fail in a row before a session takes
// no more.
const mostFailures = 10

// give sends data and judges the answer. Data is refused, too, when WeChat has made
// a new key at a login that failed, or when the session has failed too often.
func (p *person) give(kind, target string, g *gateway, l *login, d data) (answer, bool) {
	kind += ", " + l.name()
	a := g.ask("POST", target, l.token, d)
	if a.err == nil && a.problem == "invalid_data" {
		l.failures++
		in, _ := l.may(g, a.sent, a.done)
		switch {
		case !in:
		case p.oldKey:
			p.w.account.count(kind, a.name(), "WeChat made a new key at a login that failed")
			return a, false
		case l.failures > mostFailures:
			p.w.account.count(kind, a.name(), "ten pieces in a row had failed")
			return a, false
		}
	}
	ok := p.holds(kind, g, l, needs{}, a, http.StatusOK)
	if ok {
		l.failures, l.accepted = 0, d
	}
	return a, ok
}

func (p *person) userInfo(g *gateway, l *login) {
	d, err := p.w.wechat.userInfo(p.openid)
	if err != nil {
		p.w.account.fail("%v", err)
		return
	}
	a, ok := p.give("user info", "/wechat/userinfo", g, l, d)
	if ok && a.member("openId") != p.openid {
		p.w.account.fail("wrong identity: user info of %q is that of %q", p.openid, a.member("openId"))
	}
}

func (p *person) openData(g *gateway, l *login) {
	d, err := p.w.wechat.userInfo(p.openid)
	if err != nil {
		p.w.account.fail("%v", err)
		return
	}
	d.RawData, d.Signature = "", ""
	a, ok := p.give("open data", "/wechat/opendata", g, l, d)
	if ok && a.member("openId") != p.openid {
		p.w.account.fail("wrong identity: open data of %q is that of %q", p.openid, a.member("openId"))
	}
}

// phoneNumber asks WeChat for his number, by the code of the phone button.
func (p *person) phoneNumber(g *gateway, l *login) {
	d, err := p.w.wechat.phoneNumber(p.openid)
	if err != nil {
		p.w.account.fail("%v", err)
		return
	}
	kind := "phone number, " + l.name()
	a := g.ask("POST", "/wechat/phone", l.token, data{Code: d.Code})
	if !p.holds(kind, g, l, needs{wechat: true}, a, http.StatusOK) {
		return
	}
	number := a.member("purePhoneNumber")
	if p.phone != "" && number != p.phone || number == "" {
		p.w.account.fail("wrong identity: the number of %q is %q, and was %q", p.openid, number, p.phone)
	}
	p.phone = number
}

// replay sends once more what the session has taken before.
func (p *person) replay(g *gateway, l *login) {
	if l.accepted == (data{}) {
		p.userInfo(g, l)
		return
	}
	target := "/wechat/userinfo"
	if l.accepted.RawData == "" {
		target = "/wechat/opendata"
	}
	p.refuse("data sent twice", target, g, l, l.accepted)
}

// badData sends what somebody has changed.
func (p *person) badData(g *gateway, l *login) {
	d, err := p.w.wechat.userInfo(p.openid)
	if err != nil {
		p.w.account.fail("%v", err)
		return
	}
	if p.dice.IntN(2) == 0 {
		d.RawData = `{"nickName":"somebody else"}`
	} else {
		d.EncryptedData = d.EncryptedData[4:] // one block's beginning is gone
	}
	p.refuse("changed data", "/wechat/userinfo", g, l, d)
}

// refuse sends what must not be taken.
func (p *person) refuse(kind, target string, g *gateway, l *login, d data) {
	a := g.ask("POST", target, l.token, d)
	if a.err == nil && a.status == http.StatusOK {
		p.w.account.fail("%s was taken at %s", kind, g.name)
	}
	if p.holds(kind+", "+l.name(), g, l, needs{}, a, http.StatusBadRequest) {
		l.failures++
	}
}
