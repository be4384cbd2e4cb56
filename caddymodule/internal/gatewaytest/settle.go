// settle.go: an access log that reads no body's length while a proxy still reads the body.

package gatewaytest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() { caddy.RegisterModule(settle{}) }

// settle is in front of all that a server of a test does. Caddy v2.11.9 counts the bytes
// that are read of a request's body, and logs the count when its handlers have ended. A
// reverse proxy whose upstream answers early, or breaks off, ends while its transport
// still reads: a data race of Caddy's own, which the race detector would tell as ours.
// So a request that ends within a read has no line in the access log, and no read begins
// after that.
type settle struct{}

func (settle) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gatewaytest_settle", New: func() caddy.Module { return new(settle) }}
}

const settledBody = "gatewaytest.body"

func (settle) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	body, ok := caddyhttp.GetVar(r.Context(), settledBody).(*countedBody)
	if !ok && r.Body != nil && r.Body != http.NoBody {
		body = &countedBody{ReadCloser: r.Body}
		r.Body = body
		caddyhttp.SetVar(r.Context(), settledBody, body)
	}
	if body != nil {
		body.open() // for the error routes, once more
		defer func() {
			if body.shut() {
				caddyhttp.SetVar(r.Context(), caddyhttp.LogSkipVar, true)
			}
		}()
	}
	return next.ServeHTTP(w, r)
}

// countedBody knows how many reads are on their way.
type countedBody struct {
	io.ReadCloser
	reads atomic.Int32 // on their way, and shutMark while no read may begin
}

const shutMark = 1 << 30

func (b *countedBody) open() {
	if b.reads.Load() >= shutMark {
		b.reads.Add(-shutMark)
	}
}

// shut reports whether a read is on its way.
func (b *countedBody) shut() bool { return b.reads.Add(shutMark) > shutMark }

func (b *countedBody) Read(p []byte) (int, error) {
	defer b.reads.Add(-1)
	if b.reads.Add(1) > shutMark {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.ReadCloser.Read(p)
}

// settled puts settle in front of the routes of every server of a configuration, but for
// those with a wechat_check: it must be alone on its server, which has no proxy.
func settled(config []byte) ([]byte, error) {
	var all map[string]any
	if err := json.Unmarshal(config, &all); err != nil {
		return nil, err
	}
	apps, _ := all["apps"].(map[string]any)
	app, _ := apps["http"].(map[string]any)
	servers, _ := app["servers"].(map[string]any)
	route := map[string]any{"handle": []any{map[string]any{"handler": "gatewaytest_settle"}}}
	// a gate of a named route guards error routes only where all their handlers are in subroutes
	inSubroute := map[string]any{"handle": []any{map[string]any{"handler": "subroute", "routes": []any{route}}}}
	for _, s := range servers {
		server := s.(map[string]any)
		if text, err := json.Marshal(server); err != nil || bytes.Contains(text, []byte(`"handler":"wechat_check"`)) {
			continue
		}
		prepend(server, route)
		if errors, ok := server["errors"].(map[string]any); ok {
			prepend(errors, inSubroute)
		}
	}
	return json.Marshal(all)
}

func prepend(to map[string]any, first any) {
	if routes, ok := to["routes"].([]any); ok {
		to["routes"] = append([]any{first}, routes...)
	}
}
