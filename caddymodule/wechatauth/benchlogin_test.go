// benchlogin_test.go: what a login costs without WeChat.

package wechatauth_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// A login without the time that WeChat takes: "endpoint" is the whole call with an
// exchange against a server in this process, "gateway" the part of it that needs
// no network: spending the code, keeping key and session, minting the token.
func BenchmarkLogin(b *testing.B) {
	const users = 100_000
	wechat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := r.URL.Query().Get("js_code")
		fmt.Fprintf(w, `{"openid":"oGZUI0egBJY1zhBYw2%s","session_key":"tiihtNczf5v6AKRyjwEUhQ=="}`, code[len(code)-10:])
	}))
	defer wechat.Close()
	app := func(b *testing.B) benched {
		return benchApp(b, 1<<20, gatewaytest.Object{"api_base": wechat.URL, "sessions_per_user": 2})
	}

	b.Run("endpoint", func(b *testing.B) {
		a := app(b)
		h := gateOf(b, a, gatewaytest.Object{})
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			n++
			body := fmt.Sprintf(`{"code":"0a3Xyz%020d%010d"}`, n, n%users)
			r := httptest.NewRequest(http.MethodPost, "/wechat/login", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nobody{}, benchServer)
			rec := httptest.NewRecorder()
			if err := h.ServeHTTP(rec, r, nil); err != nil || rec.Code != http.StatusOK {
				b.Fatal(err, rec.Code, rec.Body)
			}
		}
	})
	b.Run("gateway", func(b *testing.B) {
		a := app(b)
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			n++
			first, err := a.Sessions.RedeemCode(b.Context(), gatewaytest.AppID, fmt.Sprintf("0a3Xyz%020d", n))
			if err != nil || !first {
				b.Fatal(err, first)
			}
			benchLogin(b, a, session.Identity{OpenID: benchOpenID(n % users)})
		}
	})
	b.Run("exchange", func(b *testing.B) { // what of it is HTTP, the server's half included
		b.ReportAllocs()
		client := &http.Client{Timeout: 5 * time.Second}
		for b.Loop() {
			resp, err := client.Get(wechat.URL + "/sns/jscode2session?js_code=0123456789")
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
}
