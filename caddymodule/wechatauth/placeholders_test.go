// placeholders_test.go: what the gate says of the user, to Caddy.

package wechatauth

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gate"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// proxied makes a request in the context that Caddy gives it.
func proxied(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	return caddyhttp.PrepareRequest(r, caddy.NewReplacer(), httptest.NewRecorder(), new(caddyhttp.Server))
}

// Two wechat_auth handlers on one request: the second knows the caller, whose
// token the first has taken away. What a client says about it does not count.
func TestKnownCaller(t *testing.T) {
	r := proxied("GET", "/?"+url.QueryEscape(gate.CallerKey)+"=oEVE")
	r.Header[gate.CallerKey] = []string{"oEVE"}
	if c := knownCaller(r); c != nil {
		t.Fatalf("a fresh request has the caller %s", c.OpenID)
	}
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	repl.Set(gate.CallerKey, "oEVE") // as directives set texts
	if c := knownCaller(r); c != nil {
		t.Fatalf("a text is taken for the caller %s", c.OpenID)
	}
	repl.Delete(gate.CallerKey)
	c := &gate.Caller{Kept: session.Kept{Session: &session.Session{ID: "session-id", OpenID: "oALICE"}}}
	c.Lookup = func(key string) (any, bool) { return c, key == gate.CallerKey }
	introduce(r, c)
	if knownCaller(r) != c {
		t.Error("the caller is not known behind the handler")
	}
	if shown, _ := repl.GetString(gate.CallerKey); shown != "" || fmt.Sprintf("%v%+v%s", c, c, c) != "" {
		t.Errorf("the caller is printed: %q", shown)
	}
	for _, text := range []string{"{" + gate.CallerKey + "}", `{\` + gate.CallerKey + "}", "{{" + gate.CallerKey + "}}", gate.CallerKey} {
		if got := repl.ReplaceAll(text, ""); strings.Contains(got, c.OpenID) || strings.Contains(got, c.ID) {
			t.Errorf("%q shows the caller: %s", text, got)
		}
	}
	if knownCaller(r.WithContext(context.Background())) != nil {
		t.Error("a request of another context has the caller")
	}
}

// basic_auth before us set the same placeholder, for the same log field. Whoever
// decided last about the request is who it shows.
func TestIntroduceReplacesAnEarlierUser(t *testing.T) {
	r := proxied("GET", "/")
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	repl.Set("http.auth.user.id", "admin")
	c := new(gate.Caller)
	c.Lookup = func(key string) (any, bool) { return "oALICE", key == "http.auth.user.id" }
	introduce(r, c)
	if got, _ := repl.GetString("http.auth.user.id"); got != "oALICE" {
		t.Errorf("after basic_auth, the user is %q; want oALICE", got)
	}
	repl.Set("http.auth.user.id", "changed")
	if got, _ := repl.GetString("http.auth.user.id"); got != "changed" {
		t.Errorf("after a later directive, the user is %q; want its own", got)
	}
}
