// doorcheck.go: asks a door as an attacker would, and says what got through.

// Package doorcheck asks a wechat_check, or a page behind a proxy that asks one, as an
// attacker would: without a token, with broken ones, with odd hosts, paths and methods,
// and as somebody else in every spelling of the identity headers. It says in plain words
// what got through and how to mend it.
//
// It sends nothing that changes data but requests with methods such as POST and DELETE
// to the page that it is given, all of which must be refused; only Options.Logout ends
// a session. No text of the other side reaches its reports.
package doorcheck

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
)

// Options say what to ask.
type Options struct {
	URL      string // the check, or a page that needs a session
	Echo     string // a page behind the proxy that shows the headers of its request; may be empty
	Logout   string // the gateway's logout, <prefix>/logout: ends the session of Token; may be empty
	Token    string // a live token; empty leaves out what needs one
	Insecure bool   // take any certificate
}

// Finding is one thing that got through, and how to mend it.
type Finding struct {
	What, Mend string

	// What it has in common with others, which of them it is, and how many were tried;
	// empty for one that is alone of its kind.
	Kind, Which string
	Tried       int

	// Shape is how a header's name was spelled, shown by the first of the names that
	// were spelled so; empty for what is no name.
	Shape string
}

// Report is the outcome.
type Report struct {
	Asked    int       // questions
	Findings []Finding // what got through; empty is good
	Notes    []string  // what was not tried, or is not as usual
	IsCheck  bool      // the URL is a wechat_check itself
}

// prober asks the questions of one report.
type prober struct {
	opts   Options
	door   *asker
	report Report

	optional bool           // the check lets requests without a token through as nobody
	open     bool           // nothing guards the page: every request gets through
	tried    map[string]int // questions of strangers, by kind
}

// Run asks. An error means that the other side could not be asked at all.
func Run(ctx context.Context, opts Options) (Report, error) {
	door, err := newAsker(opts.URL, opts.Insecure)
	if err != nil {
		return Report{}, err
	}
	p := &prober{opts: opts, door: door}
	if err := p.meet(ctx); err != nil {
		return p.report, err
	}
	if p.open {
		p.note("as a plain request gets through, no other without a session was sent")
	} else {
		p.askStrangers(ctx)
	}
	if opts.Token == "" {
		p.note("without --token: whether a user gets in, and what of a client's headers does, was not tried")
		return p.report, ctx.Err()
	}
	if err := p.askAsUser(ctx); err != nil {
		return p.report, err
	}
	return p.report, ctx.Err()
}

func (p *prober) find(mend, format string, args ...any) {
	p.report.Findings = append(p.report.Findings, Finding{What: fmt.Sprintf(format, args...), Mend: mend})
}

// findLike notes what has others of its kind, of which outcome says what came of them.
func (p *prober) findLike(q question, mend, outcome string) {
	p.report.Findings = append(p.report.Findings, Finding{
		What: q.what + ": " + outcome, Mend: mend, Kind: q.kind + ": " + outcome, Which: q.which, Tried: p.tried[q.kind], Shape: q.shape,
	})
}

func (p *prober) note(format string, args ...any) {
	p.report.Notes = append(p.report.Notes, fmt.Sprintf(format, args...))
}

// meet sends a plain request without a token, and learns what is there.
func (p *prober) meet(ctx context.Context) error {
	got, err := p.door.ask(ctx, question{})
	if err != nil {
		return fmt.Errorf("%+q cannot be asked: %s", p.opts.URL, cause(err))
	}
	p.report.Asked++
	if isCheck(got) {
		// a proxy that hands on a check's refusals has them, too, but not below the login prefix
		login, err := p.door.ask(ctx, question{target: "/wechat/login"})
		p.report.IsCheck = err == nil && isCheck(login)
		p.report.Asked++
	}
	p.optional = p.report.IsCheck && got.status == http.StatusOK
	switch {
	case p.optional && got.header.Get("X-Wechat-Openid")+got.header.Get("X-Wx-Openid") != "":
		p.find(mendIdentity, "a request without a token is told to be somebody's")
	case p.optional:
		p.note("the check has the option optional: requests without a token pass as nobody's, which was not counted")
	case through(got) && got.status == http.StatusOK && got.body == "":
		p.open = true
		p.find(mendEmpty, "a plain request without a token: an empty 200, which a proxy takes for a yes")
	case through(got):
		p.open = true
		p.find(mendOpen, "a plain request without a token: let through with %d", got.status)
	case got.status == http.StatusBadGateway || got.status == http.StatusGatewayTimeout || got.status == http.StatusInternalServerError:
		p.note("a request without a token is answered %d: something behind this address is out of order, so little is proven", got.status)
	}
	return nil
}

// isCheck reports whether only a wechat_check answers so.
func isCheck(a answer) bool {
	return a.header.Get("X-Envoy-Auth-Headers-To-Remove") != "" ||
		a.header.Get("X-Wechat-Error") != "" && strings.Contains(a.body, `"error"`)
}

// askStrangers asks what must be refused, some at a time, and judges the answers in order.
func (p *prober) askStrangers(ctx context.Context) {
	questions := p.strangers()
	p.tried = make(map[string]int)
	type outcome struct {
		answer
		err error
	}
	outcomes := make([]outcome, len(questions))
	places := make(chan struct{}, 8)
	var wg sync.WaitGroup
	for i, q := range questions {
		p.tried[q.kind]++
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			outcomes[i].answer, outcomes[i].err = p.door.ask(ctx, q)
		})
	}
	wg.Wait()
	for i, q := range questions {
		p.report.Asked++
		if outcomes[i].err == nil { // who hangs up lets nobody in
			p.judgeStranger(q, outcomes[i].answer)
		}
	}
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
	mendOpen     = "have the proxy ask wechat_check about every request but those below the login prefix, and decide by its status alone: 200 is yes, all else is no"
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

// cause tells why a question was not answered, in words of this machine's own: an error
// about an answer quotes it.
func cause(err error) string {
	var network *net.OpError
	switch {
	case errors.As(err, &network) && network.Err != nil:
		return plain(network.Err.Error())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	}
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		return "its certificate is not trusted here (--insecure takes any)"
	}
	return "what came back is not HTTP"
}

// plain is a text without a byte that a terminal would obey.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}
