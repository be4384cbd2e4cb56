// judge.go: what the answer to a stranger means: let in, refused, or reached what is behind.

package doorcheck

import (
	"fmt"
	"net/http"
	"strings"
)

// isCheck reports whether only a wechat_check answers so.
func isCheck(a answer) bool {
	return a.header.Get("X-Envoy-Auth-Headers-To-Remove") != "" ||
		a.header.Get("X-Wechat-Error") != "" && strings.Contains(a.body, `"error"`)
}

// through reports whether an answer lets a request in. A redirect does not: it sends a
// browser to the login.
func through(a answer) bool {
	return a.status >= 200 && a.status < 300 || a.status == http.StatusNotModified || a.status == http.StatusSwitchingProtocols
}

// How to mend things.
const (
	mendEmpty = "that is Caddy's answer where no site or route matches: give wechat_check a site of its own without host, path and matcher " +
		"(http://:9180 with bind 127.0.0.1 in it), and let the proxy ask that very address"
	mendOpen   = "have the proxy ask wechat_check about every request but those below the login prefix, and decide by its status alone: 200 is yes, all else is no"
	mendNoGate = "is the address right? Give a page that is there and that needs a session. If this is one, no gate is before it: have the proxy ask " +
		"wechat_check about every request but those below the login prefix, and answer 401 where the check does"
	mendMetadata = "let nothing that a client can write decide who may pass: remove such rules from the proxy, and its trust in X-Forwarded-* of clients"
	mendPath     = "let the proxy protect everything and name what is public, not the other way round: it and the backend read this path differently"
	mendHost     = "let the proxy's default server protect, too"
	mendIdentity = "let the proxy remove all X-WeChat-* and X-WX-* headers of clients, in every spelling, before it sets those of the check's answer: see examples/ of caddy-wechat for your proxy"
	mendCache    = "do not cache the check's answers, and take validators (If-None-Match, Range) off the question"
	mendToken    = "remove Authorization (and the session cookie) after the check, before the request goes to the backend"
	mendHops     = "let the proxy replace the client's Connection header: it must not name headers that the proxy sets"
	mendTrailers = "let the proxy drop request trailers, or refuse bodies without a length: some backends take trailers for headers"
)

// judgeStranger judges the answer to a question that must be refused.
func (p *prober) judgeStranger(q question, a answer) {
	if p.optional && isCheck(a) && a.status == http.StatusOK && !q.broken() {
		if a.header.Get("X-Wechat-Openid")+a.header.Get("X-Wx-Openid") != "" {
			p.findLike(q, mendIdentity, "the answer tells of a user")
		}
		return
	}
	if !through(a) {
		p.judgeRefusal(q, a)
		return
	}
	switch {
	case q.host != "" && a.body == "" && !p.report.IsCheck:
		// no site of that name, and so no backend
	case a.status == http.StatusOK && a.body == "" && !isCheck(a) && q.method != http.MethodHead && (q.target != "*" || q.method != http.MethodOptions):
		p.findLike(q, mendEmpty, "an empty 200, which a proxy takes for a yes")
	case q.method == http.MethodOptions && q.target == "*":
		p.note("OPTIONS * is answered %d by the web server itself: a proxy that hands the client's path to the check must refuse it", a.status)
	default:
		p.findLike(q, q.mend(), fmt.Sprintf("let through with %d", a.status))
	}
}

// judgeRefusal judges an answer that lets nobody in. A gate refuses all alike: what
// something else answers was not asked about, or never came to the question.
func (p *prober) judgeRefusal(q question, a answer) {
	switch {
	case q.method == http.MethodHead && a.status == p.plain.status: // the same, without its body
	case refuses(a):
		if a.status == http.StatusUnauthorized && inWords(p.plain) && !inWords(a) {
			p.doubtLike(q, "answered 401 in other words than the gate's, by the proxy itself or by what is behind it")
		}
	case q.weigh(a) == reached:
		p.findLike(q, q.mend(), fmt.Sprintf("something behind the gate answered %d", a.status))
	case q.weigh(a) == doubtful:
		p.doubtLike(q, fmt.Sprintf("answered %d by something that is no gate, the proxy itself or what is behind it", a.status))
	}
}

// broken reports whether a question has a token, and a bad one.
func (q *question) broken() bool {
	for _, f := range q.fields {
		if f[0] == "Authorization" && strings.HasPrefix(f[1], "Bearer") {
			return true
		}
	}
	return false
}

// mend says how to mend that a question was let through.
func (q *question) mend() string {
	switch {
	case q.host != "":
		return mendHost
	case q.target != "":
		return mendPath
	case strings.HasPrefix(q.which, "If-"), strings.HasPrefix(q.which, "Range"):
		return mendCache
	case strings.Contains(q.kind, "header"):
		return mendMetadata
	}
	return mendOpen
}
