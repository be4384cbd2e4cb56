// token_test.go: tokens written by somebody who holds the very key, in every way
// but the gateway's own (C10-C12, H10-H13 of the threat list).

package wechatauth_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// Whoever finds the gateway lenient in one way gets in with it. Each of these is
// refused, with the same bytes whatever is wrong with it (L3), and the upstream
// hears of none. The same token, only signed by the test, is good: so each fails
// for its own reason.
func TestForgedTokens(t *testing.T) {
	path, key := gatewaytest.KeyFile(t, "HS256")
	gw := gatewaytest.Start(t, gatewaytest.Setup{
		Apps: []string{gatewaytest.AppA, gatewaytest.AppB}, Auth: "wechat_auth {\n app " + gatewaytest.AppA + "\n}", Wechat: gatewaytest.InMemory + gatewaytest.TokenBlock("HS256", path),
		Sites: "http://b.localhost:<HTTPPORT> {\n wechat_auth {\n app " + gatewaytest.AppB + "\n}\n reverse_proxy <UPSTREAM>\n}",
	})
	f := gatewaytest.NewForge(t, gw, key.([]byte))
	if f.Claim(`"iss"`, `"iss"`) != f.Token {
		t.Fatal("signed with the file's key, the claims are not the gateway's token")
	}

	all := f.Headers()
	for name, token := range f.Payloads(t, gw) {
		all[name] = token
	}
	for name, token := range f.Spellings(t) {
		all[name] = token
	}
	if len(all) < 90 {
		t.Fatalf("only %d tokens", len(all))
	}

	want := gw.H1.Do(t, gatewaytest.Call{Target: "/me", Token: "x.y.z"})
	gatewaytest.RequireRefused(t, want)
	want.Header.Del("Date")
	for name, token := range all {
		t.Run(name, func(t *testing.T) {
			got, err := gw.H1.Try(gatewaytest.Call{Target: "/me", Token: token})
			if err != nil {
				t.Fatal("the client could not send it")
			}
			got.Header.Del("Date")
			if got.Status != 401 || got.Body != want.Body || fmt.Sprint(got.Header) != fmt.Sprint(want.Header) {
				t.Errorf("answered %d %v %s; want what x.y.z got", got.Status, got.Header, got.Body)
			}
			gatewaytest.RequireNoUpstream(t, gw)
		})
	}
	// before and after, the token itself is good
	if !gatewaytest.Alive(t, gw, f.Token) {
		t.Error("the good token is refused")
	}
	gatewaytest.RequireIdentity(t, gw.Upstream.Only(t), gatewaytest.Alice)
}

// What no version of HTTP lets through reaches no verifier either: 100 000 parts
// and a newline in the middle (H11, H13) get the gate's refusal or the server's.
func TestTokensBeyondHTTP(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
		for name, text := range map[string]string{
			"100 000 parts": strings.Repeat("A.", 100_000), "a newline": token[:len(token)-5] + "\n" + token[len(token)-5:],
			"a folded line": token[:len(token)-5] + "\r\n " + token[len(token)-5:], "a NUL": token + "\x00",
		} {
			got, err := c.Exact(t, gatewaytest.ExactCall{Target: "/me", Fields: []gatewaytest.Field{gatewaytest.Bearer(text)}})
			if err == nil && got.Status != 401 && got.Status != 400 && got.Status != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s: status %d", name, got.Status)
			}
			gatewaytest.RequireNoUpstream(t, gw)
		}
	})
	if !gatewaytest.Alive(t, gw, token) {
		t.Error("the good token is refused")
	}
}
