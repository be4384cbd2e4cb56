// judge.go: whether a request did more than an honest one of its kind may.

package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// verdict on one shot.
type verdict struct {
	problems          []string
	passedOn, refused bool
}

func (v *verdict) say(format string, args ...any) {
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}

// due is what an honest request of the kind gets: who the backend takes it for
// (never: it does not arrive), and the status.
func (x *shot) due() (upstream string, status int) {
	known := x.as == "alice" || x.as == "cookie" && x.site.cookie
	switch {
	case x.site.before:
		upstream, status = "never", http.StatusUnauthorized
	case x.path == "endpoint" && known:
		upstream, status = "never", http.StatusOK
	case x.path == "endpoint":
		upstream, status = "never", http.StatusUnauthorized
	case known:
		upstream, status = "alice", http.StatusOK
	case x.site.opens(x.path):
		upstream, status = "anonymous", http.StatusOK
	default:
		upstream, status = "never", http.StatusUnauthorized
	}
	if x.site.down && upstream != "never" {
		upstream, status = "never", http.StatusBadGateway
	}
	if e := x.of.Expect; e.Upstream != "" {
		upstream = e.Upstream
		if len(e.Status) == 0 && upstream == "never" {
			status = 0
		}
	}
	return upstream, status
}

// refusals are the answers by which a gateway may turn any request away. 502
// and its like are not among them: they say that something broke.
var refusals = []int{
	0, 400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 417, 421, 425, 426, 431, 501, 505,
}

func judge(w *world, x *shot, a *answer, seen []evidence) (v verdict) {
	upstream, status := x.due()
	if a.unsent {
		v.say("it was not sent: %v", a.err)
	}
	v.passedOn = len(seen) > 0
	if a.status == http.StatusOK && a.body == "" && x.method != http.MethodHead && !v.passedOn && !x.of.Control {
		a.status = 0 // Caddy's word for: that host is no site here
	}
	v.refused = a.status == 0 || a.status >= 400

	x.judgeAnswer(w, &v, a, status)
	for _, e := range seen {
		x.judgeEvidence(w, &v, e, upstream)
	}
	if n := x.arrivals(seen); n > 1 && x.raw == "" {
		v.say("one request reached the backend %d times", n)
	}
	if x.of.Control && upstream != "never" && len(seen) != 1 {
		v.say("an honest request reached the backend %d times; want 1", len(seen))
	}
	if x.of.Expect.WeChat == "never" {
		if n := w.wechat.about(x.nonce); n > 0 {
			v.say("WeChat was asked %d times", n)
		}
	}
	return v
}

// arrivals counts how often a request reached the backend; the page of its
// refusal is none.
func (x *shot) arrivals(seen []evidence) (n int) {
	for _, e := range seen {
		if requests := e.read(); len(requests) != 1 || !x.site.errorPage || !strings.HasPrefix(requests[0].target, "/error") {
			n++
		}
	}
	return n
}

// judgeAnswer looks at what the client got.
func (x *shot) judgeAnswer(w *world, v *verdict, a *answer, due int) {
	expect := x.of.Expect.Status
	switch {
	case x.of.Control && len(expect) == 0:
		expect = []int{due}
	case len(expect) == 0:
		expect = append([]int{due}, refusals...)
	}
	if x.of.Breaks {
		expect = append(slices.Clone(expect), http.StatusBadGateway)
	}
	if !slices.Contains(expect, a.status) {
		v.say("answered %d %v %.200q; want one of %d", a.status, a.err, a.body, expect)
	}
	for _, next := range a.more {
		if next.status < 400 && next.body != "" && due >= 400 {
			v.say("what followed was answered %d", next.status)
		}
	}
	if what := w.shown(a.text(), true); what != "" {
		v.say("the answer shows %s: %.300q", what, a.text())
	}
	for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Location"} {
		if value := a.header.Get(name); value != "" && !x.trusted() {
			v.say("the answer has %s: %s", name, value)
		}
	}
	if x.of.Expect.Cookie == "never" && a.header.Get("Set-Cookie") != "" {
		v.say("the answer sets the cookie %.60s", a.header.Get("Set-Cookie"))
	}
	if a.status >= 400 && a.header.Get("Set-Cookie") != "" {
		v.say("a refusal sets the cookie %s", a.header.Get("Set-Cookie"))
	}
	if a.status == http.StatusUnauthorized && !x.site.errorPage && !strings.HasPrefix(a.header.Get("Www-Authenticate"), "Bearer") {
		v.say("a 401 without a challenge: %v", a.header)
	}
}

// trusted reports whether the request is a trusted page's.
func (x *shot) trusted() bool {
	return x.site.trusts != "" && slices.Contains(x.fields, [2]string{"Origin", x.site.trusts})
}

// judgeEvidence looks at what the backend got.
func (x *shot) judgeEvidence(w *world, v *verdict, e evidence, due string) {
	if e.switched != "" && !strings.EqualFold(e.switched, "websocket") {
		v.say("a tunnel was opened for %q", e.switched)
	}
	requests := e.read()
	if len(requests) > 1 {
		v.say("one request became %d at the backend: %.500q", len(requests), e.raw)
	}
	for _, r := range requests {
		if r.broken != "" {
			v.say("the backend got %s: %.300q", r.broken, e.raw)
		}
		if r.trailers {
			v.say("trailers reached the backend: %.500q", e.raw)
		}
		if r.method == http.MethodTrace || r.method == http.MethodConnect {
			v.say("the method %s reached the backend", r.method)
		}
		if strings.Contains(r.target, "/smuggled") {
			v.say("a smuggled request reached the backend: %.300q", e.raw)
		}
		if !x.site.forward {
			for _, credential := range r.credentials {
				if what := w.shown(credential, true); what != "" {
					v.say("the backend saw %s", what)
				}
			}
		}
		expected := due
		if x.site.errorPage && strings.HasPrefix(r.target, "/error") {
			expected = "anonymous"
			if (x.as == "alice" || x.as == "cookie") && !x.site.before && !r.isAnonymous() {
				expected = "alice" // refused for another reason, or the backend is down
			}
		}
		switch {
		case expected == "never":
			v.say("it reached the backend: %.300q", e.raw)
		case expected == "alice" && len(r.identity["x-wechat-openid"]) == 0:
			v.say("the identity was lost: %.500q", e.raw)
		case expected == "alice" && !r.is(alice, x.site.app), expected == "anonymous" && !r.isAnonymous():
			v.say("the backend believes %v: %.500q", r.identity, e.raw)
		}
	}
}

// uniform holds all refusals of a credential against each other: a client must
// not learn what was wrong with it (L3).
type uniform map[string]map[string]string

func (u uniform) note(x *shot, a *answer) {
	challenge := a.header.Get("Www-Authenticate")
	if a.status != http.StatusUnauthorized || !strings.Contains(challenge, "error=") || x.site.errorPage {
		return
	}
	var text strings.Builder
	for _, name := range []string{"Www-Authenticate", "Content-Type", "Content-Length", "Cache-Control", "Set-Cookie", "Retry-After", "X-Content-Type-Options"} {
		fmt.Fprintf(&text, "%s: %q\n", name, a.header.Values(name))
	}
	if x.method != http.MethodHead {
		text.WriteString(a.body)
	}
	key := x.site.gateway + " " + x.method
	if strings.Contains(a.body, "the token has no scheme before it") {
		key += " without a scheme" // which does not depend on the token
	}
	if u[key] == nil {
		u[key] = make(map[string]string)
	}
	if u[key][text.String()] == "" {
		u[key][text.String()] = x.String()
	}
}

func (u uniform) result() *result {
	r := &result{item: "L3", name: "all refusals of a credential are alike", story: "Whatever is wrong with a token, the answer is the same to the byte."}
	for key, kinds := range u {
		r.requests++
		r.check(len(kinds) == 1, "%s has %d answers for bad credentials: %q", key, len(kinds), kinds)
	}
	return r
}
