// bench_test.go: a relayed call beside one through net/http's own reverse proxy.

package relay

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/oneshot"
)

// The two ask the same stand-in in the same way; compare them within one run.
func BenchmarkSmallCall(b *testing.B) {
	const body, answer = `{"touser":"oALICE","template_id":"x","data":{}}`, `{"errcode":0,"errmsg":"ok","msgid":1}`
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
	b.Cleanup(up.Close)
	base, _ := url.Parse(up.URL)
	run := func(b *testing.B, h http.Handler) {
		b.ReportAllocs()
		for b.Loop() {
			r := httptest.NewRequest("POST", "/cgi-bin/message/subscribe/send", strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+testKey)
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != 200 || w.Body.Len() != len(answer) {
				b.Fatal(w.Code, w.Body)
			}
		}
	}
	b.Run("reverseproxy", func(b *testing.B) {
		proxy := httputil.NewSingleHostReverseProxy(base)
		transport := oneshot.NewTransport(base, oneshot.Options{MaxIdle: 64})
		b.Cleanup(transport.CloseIdleConnections)
		proxy.Transport = transport
		run(b, proxy)
	})
	b.Run("relay", func(b *testing.B) { run(b, startAt(b, up.URL).Relay) })
}
