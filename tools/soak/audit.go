// audit.go: when all is quiet: is everything as everybody was told?

package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// audit asks every gateway for every session that anybody remembers, and for the
// number of them all.
func (w *world) audit() {
	time.Sleep(elsewhere)
	for _, p := range w.crowd {
		for _, l := range p.logins {
			for _, g := range p.realm.gateways {
				p.call(g, l)
			}
		}
	}
	for _, r := range w.realms {
		w.count(r, appID)
		w.count(r, officialID)
	}
}

// count compares how many sessions of an app there are with how many there may be.
func (w *world) count(r *realm, app string) {
	least, most := 0, 0
	for _, p := range w.crowd {
		if p.realm != r || p.app != app {
			continue
		}
		most += len(p.phantoms)
		for _, l := range p.logins {
			if l.is(lives) && time.Until(l.expires) > 2*time.Second {
				least++
			}
			if l.is(unknown) || l.is(lives) || l.countedYet() {
				most++
			}
		}
	}
	for _, g := range r.gateways {
		counted, err := g.metric(`caddy_wechat_sessions{appid="` + app + `"}`)
		if err != nil || int(counted) < least || int(counted) > most {
			w.account.fail("%s counts %v sessions of %s (%v); there are %d to %d", g.name, counted, app, err, least, most)
		}
		a := g.command("GET", "/wechat/health")
		if a.err != nil || a.status != http.StatusOK {
			w.account.fail("%s is not healthy at the end: %s %s", g.name, a.name(), a.body)
		}
	}
}

// metric is a number that a gateway tells of itself.
func (g *gateway) metric(name string) (value float64, err error) {
	a := g.command("GET", "/metrics")
	if a.err != nil || a.status != http.StatusOK {
		return 0, fmt.Errorf("the metrics of %s: %s", g.name, a.name())
	}
	for line := range strings.Lines(a.body) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			_, err = fmt.Sscan(text, &value)
			return value, err
		}
	}
	return 0, fmt.Errorf("%s has no metric %s", g.name, name)
}
