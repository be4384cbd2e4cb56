// bench_test.go: what a check costs beside Caddy's own part.

package wechatcheck_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// nowhere takes an answer and keeps its header alone.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header       { return w.header }
func (*nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (*nowhere) WriteHeader(int)             {}

func BenchmarkCheck(b *testing.B) {
	g := newGateway(b, nil)
	_, token := g.logIn(b, full())
	for name, c := range map[string]struct {
		config gatewaytest.Object
		header http.Header
	}{
		"bearer":        {gatewaytest.Object{}, bearer(token)},
		"cookie":        {gatewaytest.Object{"cookie": "sid"}, http.Header{"Cookie": {"__Host-sid=" + token}}},
		"both dialects": {gatewaytest.Object{"headers": []string{"wechat", "cloudrun"}}, bearer(token)},
		"assertion":     {gatewaytest.Object{"assertion": gatewaytest.Object{"audience": "backend"}}, bearer(token)},
	} {
		b.Run(name, func(b *testing.B) {
			h := g.check(b, c.config)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header = c.header
			w := &nowhere{make(http.Header)}
			r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, new(caddyhttp.Server))
			next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
			b.ReportAllocs()
			for b.Loop() {
				// as Caddy hands it on
				w.header = make(http.Header)
				w.header["Server"] = []string{"Caddy"}
				if err := h.ServeHTTP(w, r, next); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
