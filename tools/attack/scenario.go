// scenario.go: attacks that take more than one request.

package main

import (
	"context"
	"fmt"
	"regexp"
	"sync"
)

// scenario is an attack in Go. It has users of its own, so that all can be
// played at once, but for those that make WeChat misbehave.
type scenario struct {
	item, name, story string
	play              func(ctx context.Context, w *world, r *result) error
	alone             bool
}

var scenarios = []scenario{
	{"H1", "one code, many logins at once", "A stolen code races its owner: one of them gets a session, and WeChat is asked once.", playRace, false},
	{"H1", "a code that was used", "The same code again, on every protocol and site.", playReplay, false},
	{"H2", "session fixation", "A login with the attacker's token in place: the new session is another, and the old one is over.", playFixation, false},
	{"H7", "a logout ends the session everywhere", "The token goes on being sent, to every site, over every protocol.", playLogout, false},
	{"H7", "many logouts of one session at once", "Both the logout and what follows it behave.", playLogouts, false},
	{"H7 H10", "a session at its end", "A token is used in the second after it expired.", playExpiry, false},
	{"L5 C13", "the session cookie", "Set at the login with every attribute that keeps it from scripts and other sites; cleared with the same.", playCookie, false},
	{"C20", "a WebSocket outlives its session", "The user is logged out, the open socket goes on.", playSocket, false},
	{"M8", "bodies that do not come", "Connections are held by endpoints that wait for a body.", playSlow, false},
	{"C14 C15 H3", "open data, wrong in every way", "Each cause has its own answer, so that the answers decrypt.", playOracle, false},
	{"C15", "open data, again and again", "More tries than a session may have.", playTries, false},
	{"M14 C19", "two users on one connection", "Requests of alice, bob and nobody, at once on one connection: each keeps its own identity.", playTogether, false},
	{"L6 L8", "what the operator's pages show", "Secrets in the configuration, session list or metrics.", playAdmin, false},
	{"C17", "WeChat answers something else", "A malformed answer becomes a session.", playAnswers, true},
}

// play plays all scenarios that match.
func play(ctx context.Context, w *world, list []scenario, only *regexp.Regexp) ([]*result, error) {
	var results []*result
	for _, alone := range []bool{false, true} {
		var wg sync.WaitGroup
		for _, s := range list {
			if s.alone != alone || !only.MatchString(s.item+" "+s.name) {
				continue
			}
			r := &result{item: s.item, name: s.name, story: s.story}
			results = append(results, r)
			one := func() {
				if err := s.play(ctx, w, r); err != nil {
					r.check(false, "%v", err)
				}
			}
			if wg.Go(one); alone {
				wg.Wait()
			}
		}
		wg.Wait()
	}
	return results, ctx.Err()
}

// question is one well-formed request of a scenario.
type question struct {
	site     *site
	protocol string
	method   string // default GET
	target   string // default /api/me
	token    string
	fields   [][2]string
	body     string // JSON
}

// ask sends a question on a connection of its own, and counts it.
func (w *world) ask(r *result, q question) (*shot, answer) {
	x := q.shot()
	c := newClient(w.clientTLS())
	defer c.close()
	a := c.send(x)
	w.know(x.nonce)
	r.count(&a)
	if what := w.shown(a.text(), true); what != "" {
		r.check(false, "an answer shows %s", what)
	}
	return x, a
}

func (q question) shot() *shot {
	x := &shot{of: new(attackCase), site: q.site, protocol: q.protocol, method: q.method, target: q.target, nonce: newNonce(), body: q.body}
	if x.method == "" {
		x.method = "GET"
	}
	if x.target == "" {
		x.target = "/api/me"
	}
	x.fields = append(x.fields, [2]string{"X-Probe", x.nonce})
	if q.token != "" {
		x.fields = append(x.fields, [2]string{"Authorization", "Bearer " + q.token})
	}
	if q.body != "" {
		x.fields = append(x.fields, [2]string{"Content-Type", "application/json"})
	}
	x.fields = append(x.fields, q.fields...)
	x.pseudo = [][2]string{{":method", x.method}, {":scheme", x.scheme()}, {":authority", x.host()}, {":path", x.target}}
	return x
}

// expect checks the status of an answer.
func (r *result) expect(a answer, x *shot, status int, when string) bool {
	ok := a.status == status
	r.check(ok, "%s, %s, %s %s: %d %v %.200q; want %d", when, x.protocol, x.method, x.target, a.status, a.err, a.body, status)
	return ok
}

// member reads a text member of a JSON answer without much ado.
var jsonMember = regexp.MustCompile(`"(\w+)":"([^"]*)"`)

func (a *answer) member(name string) string {
	for _, m := range jsonMember.FindAllStringSubmatch(a.body, -1) {
		if m[1] == name {
			return m[2]
		}
	}
	return ""
}

// person makes up an openid for a scenario.
func person(name string, n int) string { return fmt.Sprintf("o%s%0*d", name, 27-len(name), n) }
