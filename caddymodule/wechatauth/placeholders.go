// placeholders.go: the caller in Caddy's replacer, and other words that Caddy has for a
// request.

package wechatauth

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/endpoint"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
)

// knownCaller returns the caller whom an earlier handler found behind the request.
func knownCaller(r *http.Request) *gate.Caller {
	c, _, _ := earlierWord(r)
	return c
}

func knownPush(r *http.Request) *gate.Push {
	_, _, push := earlierWord(r)
	return push
}

// earlierWord returns what an earlier handler left on the request: the caller, or that
// it found none, or that it is a push of WeChat, or nothing.
func earlierWord(r *http.Request) (*gate.Caller, *absence, *gate.Push) {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return nil, nil, nil
	}
	value, _ := repl.Get(gate.CallerKey)
	switch word := value.(type) {
	case *gate.Caller:
		return word, nil, nil
	case *absence:
		return nil, word, nil
	case *gate.Push:
		return nil, nil, word
	}
	return nil, nil, nil
}

// absence is what a handler leaves on a request that has nobody behind it: without it
// {http.auth.user.*} would stay what they are, and all who are nobody would be one user
// of that name.
type absence struct {
	refused error        // why the request was refused; nil if it was passed on
	found   *gate.Caller // whom a later handler found all the same
}

// String is empty, as that of a caller.
func (*absence) String() string { return "" }

func (a *absence) lookup(key string) (any, bool) {
	if a.found != nil {
		return a.found.Lookup(key)
	}
	if key == gate.CallerKey {
		return a, true
	}
	return gate.NobodysPlaceholder(key)
}

// introduce tells the other directives and the access log who is calling.
func introduce(r *http.Request, c *gate.Caller) {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	// what another directive set would be found first
	repl.Delete("http.auth.user.id")
	if _, absent, _ := earlierWord(r); absent != nil {
		absent.found = c
		return
	}
	repl.Map(c.Lookup)
}

// introduceNobody tells them that nobody is. An {http.auth.user.id} that another
// directive has set stays: somebody else vouches for that.
func introduceNobody(r *http.Request, refused error) {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	c, absent, _ := earlierWord(r)
	switch {
	case absent != nil:
		absent.refused = refused
	case c == nil:
		repl.Map((&absence{refused: refused}).lookup)
	case refused != nil:
		// the caller was introduced, and must not count any more: what is set is found
		// before what is mapped
		repl.Set(gate.CallerKey, &absence{refused: refused})
		for _, name := range gate.UserPlaceholders {
			repl.Set(name, "")
		}
	}
}

// server is Caddy's HTTP server, as the endpoints see it.
type server struct{}

func (server) Earlier(r *http.Request) *gate.Caller { return knownCaller(r) }

func (server) Introduce(r *http.Request, c *gate.Caller) { introduce(r, c) }

func (server) SkipLog(r *http.Request) { caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, true) }

func (server) ClientIP(r *http.Request) string {
	address, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	return address
}

var _ endpoint.Server = server{}
