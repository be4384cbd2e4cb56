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
	c, _ := known(r)
	return c
}

// known returns what an earlier handler found the request to be: somebody's, or a push
// of WeChat.
func known(r *http.Request) (*gate.Caller, *gate.Push) {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return nil, nil
	}
	switch value, _ := repl.Get(gate.CallerKey); value := value.(type) {
	case *gate.Caller:
		return value, nil
	case *gate.Push:
		return nil, value
	}
	return nil, nil
}

func knownPush(r *http.Request) *gate.Push {
	_, push := known(r)
	return push
}

// introduce tells the other directives and the access log who is calling.
func introduce(r *http.Request, c *gate.Caller) {
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		// what another directive set would be found first
		repl.Delete("http.auth.user.id")
		repl.Map(c.Lookup)
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
