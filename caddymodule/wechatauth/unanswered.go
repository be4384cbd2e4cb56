// unanswered.go: a refusal that no error route answered keeps its JSON body.

package wechatauth

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/problem"
)

// answerRefusal runs a site's error routes for a request that a gate refused. Lines that
// only set headers, or an error page whose backend is away, are no answer: Caddy ends
// such a request with the bare status, and the client would not learn what to do.
func (l *leaving) answerRefusal(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	p := problem.Classify(l.refused)
	answer := &heldAnswer{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, bare: p.Status}
	err := next.ServeHTTP(answer, r)
	if answer.given {
		return err
	}
	if err != nil {
		l.by[0].engine.Log.Logger.Error("an error route failed; the refusal is answered without it", zap.Error(err))
	}
	return p.Write(w)
}

// heldAnswer holds a status back until it is known whether it is all there is.
type heldAnswer struct {
	*caddyhttp.ResponseWriterWrapper
	bare  int  // the status that Caddy ends the request with
	held  bool // it has been written, and nothing else yet
	given bool // somebody answers
}

// WriteHeader passes on every status but the bare one. That one is an answer only where a
// handler says something of its body: `respond 401` has set the Content-Type, to nothing.
func (a *heldAnswer) WriteHeader(status int) {
	switch {
	case a.given || a.held:
	case status != a.bare || a.describesBody():
		a.given = status >= 200
		a.ResponseWriter.WriteHeader(status)
	default:
		a.held = true
	}
}

func (a *heldAnswer) describesBody() bool {
	for _, name := range []string{"Content-Type", "Content-Length", "Transfer-Encoding"} {
		if _, ok := a.Header()[name]; ok {
			return true
		}
	}
	return false
}

// give lets go of what was held back: more comes.
func (a *heldAnswer) give() {
	if !a.given {
		a.given = true
		if a.held {
			a.ResponseWriter.WriteHeader(a.bare)
		}
	}
}

func (a *heldAnswer) Write(b []byte) (int, error) {
	a.give()
	return a.ResponseWriter.Write(b)
}

func (a *heldAnswer) ReadFrom(src io.Reader) (int64, error) {
	a.give()
	return a.ResponseWriterWrapper.ReadFrom(src)
}

// FlushError is Flush of http.ResponseController.
func (a *heldAnswer) FlushError() error {
	a.give()
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Hijack takes the connection, and the answer with it.
func (a *heldAnswer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	a.given = true
	return http.NewResponseController(a.ResponseWriter).Hijack()
}

// Interface guards
var (
	_ http.ResponseWriter = (*heldAnswer)(nil)
	_ http.Hijacker       = (*heldAnswer)(nil)
	_ io.ReaderFrom       = (*heldAnswer)(nil)
)
