// passage.go: what goes with an error that leaves the gate.

package wechatauth

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
)

// passage is how far a request came. Caddy's error routes work on the server's request:
// its headers are those that the gate has cleaned, but its body, its trailers, its method
// and its context are those from before the gate. So what may go on is settled once more,
// when an error leaves the gate, and at the front of the error routes (errorfront.go).
type passage struct {
	passed  bool         // on to what follows the gate
	caller  *gate.Caller // for whom, if for anybody
	refused error        // why it was not
}

// passageKey is the name of the request's variable that holds a *leaving.
const passageKey = "wechat_auth.passage"

// leaving is a passage that ended in an error.
type leaving struct {
	passage
	by []*Handler // that the request has been to, or may have been on its way to
}

// leave settles what an error takes along. Of several handlers on a request one that
// refused it counts, wherever it was.
func (h *Handler) leave(r *http.Request, p passage) {
	l := left(r)
	switch {
	case l == nil:
		l = &leaving{passage: p}
		caddyhttp.SetVar(r.Context(), passageKey, l)
	case !p.passed:
		l.passage = p
	}
	l.by = append(l.by, h)
	if l.caller == nil {
		introduceNobody(r, l.refused)
	}
	l.settle(r)
}

// settle makes a request what the gate would have passed on: without what a client could
// say in the gateway's name, without trailers, without credentials (but for
// forward_token), and with the identity of the caller whom the gate let through. What it
// did not let through opens no WebSocket elsewhere.
func (l *leaving) settle(r *http.Request) gate.Clean {
	clean := gate.Scrub(r)
	for _, h := range l.by {
		creds := h.rules.Credentials(clean.Header)
		h.rules.Remove(&creds, clean.Header)
	}
	if !l.passed {
		clean.Downgrade()
	}
	if l.caller != nil {
		rules := &l.by[0].rules
		// without the assertion, if it cannot be made, the identity is passed on all the same
		assertion, _ := rules.Assert(l.caller, r.Host)
		clean.Identify(l.caller, rules.Dialects, assertion)
	}
	return clean
}

// left returns the passage of a request that a gate has seen, or nil.
func left(r *http.Request) *leaving {
	l, _ := caddyhttp.GetVar(r.Context(), passageKey).(*leaving)
	return l
}
