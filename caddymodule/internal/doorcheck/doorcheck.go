// doorcheck.go: asks a door as an attacker would, and says what got through.

// Package doorcheck asks a wechat_check, or a page behind a proxy that asks one, as an
// attacker would: without a token, with broken ones, with odd hosts, paths and methods,
// and as somebody else in every spelling of the identity headers. It says in plain words
// what got through and how to mend it.
//
// It sends nothing that changes data but requests with methods such as POST and DELETE
// to the page that it is given, all of which must be refused, and only where the answer
// to a plain GET shows a gate; only Options.Logout ends a session. No text of the other
// side reaches its reports.
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

	NoGate bool // nothing got through as far as can be seen, but nothing shows a gate either

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
	gateless bool           // nothing shows that the page is guarded, or that it is one
	plain    answer         // to a request without anything
	tried    map[string]int // questions of strangers, by kind
	doubts   []Finding      // what something that is no gate answered: the proxy itself, or what is behind it
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
	switch {
	case p.gateless:
		p.note("as nothing shows a gate, nothing else was sent there, and no token")
		return p.report, ctx.Err()
	case p.open:
		p.note("as a plain request gets through, no other without a session was sent")
	default:
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
	p.report.Findings = append(p.report.Findings, p.like(q, mend, outcome))
}

// doubtLike notes what may be as it should be, and may not.
func (p *prober) doubtLike(q question, outcome string) {
	p.doubts = append(p.doubts, p.like(q, "", outcome))
}

func (p *prober) like(q question, mend, outcome string) Finding {
	return Finding{
		What: q.what + ": " + outcome, Mend: mend, Kind: q.kind + ": " + outcome, Which: q.which, Tried: p.tried[q.kind], Shape: q.shape,
	}
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
	case !showsGate(got):
		p.gateless = true
		p.report.Findings = append(p.report.Findings, Finding{NoGate: true, Mend: mendNoGate, What: fmt.Sprintf(
			"a plain request without a token: answered %d, as no gate answers: nothing shows that one is there", got.status)})
	case got.status == http.StatusServiceUnavailable:
		p.note("a request without a token is answered 503: the gate cannot tell now who may pass, so little is proven")
	case got.status == http.StatusUnauthorized && !inWords(got):
		p.note("a request without a token is answered 401, not in the gateway's words: it could be a backend's own, with no gate before it")
	}
	p.plain = got
	return nil
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
	for _, alike := range groups(p.doubts, Finding.subject) {
		p.note("%s", alike[0].subject()+which(alike))
	}
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
