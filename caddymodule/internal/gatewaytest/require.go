// require.go: verdicts over the bytes that reached the upstream.

package gatewaytest

import (
	"regexp"
	"strings"
	"testing"
)

// ReservedName finds what a backend could take for an identity header, in any
// spelling, anywhere in the bytes. It is written apart from the gateway's own
// rule, so that one mistake cannot hide in both.
var ReservedName = regexp.MustCompile(`(?i)x[^a-z0-9](wechat|wx)[^a-z0-9]`)

// RequireNoUpstream fails if anything at all has reached the upstream.
func RequireNoUpstream(t *testing.T, gw *Gateway) {
	t.Helper()
	if got := gw.Upstream.Requests(); len(got) > 0 {
		t.Errorf("the upstream saw %d requests; want none:\n%s", len(got), RawOf(got))
	}
	gw.Upstream.Reset()
}

// RequireAnonymous fails if a request says who is calling, in any spelling, in
// its head, body, trailers or tunnel.
func RequireAnonymous(t *testing.T, r Request) {
	t.Helper()
	if name := ReservedName.FindString(r.Raw); name != "" {
		t.Errorf("the upstream saw %q; want no identity:\n%s", name, r.Raw)
	}
}

// RequireIdentity fails unless a request says, once and in the gateway's
// spelling, that this user of appA is calling, and says it of nobody else.
func RequireIdentity(t *testing.T, r Request, openid string) {
	t.Helper()
	RequireIdentityApp(t, r, AppA, openid)
}

// RequireIdentityApp is requireIdentity for a user of another app.
func RequireIdentityApp(t *testing.T, r Request, appid, openid string) {
	t.Helper()
	want := map[string]string{"X-Wechat-Openid": openid, "X-Wechat-Appid": appid}
	rest := r.Raw
	for _, f := range r.Fields {
		switch f.Name {
		case "X-Wechat-Openid", "X-Wechat-Appid":
			if f.Value != want[f.Name] {
				t.Errorf("%s: %q; want once %q:\n%s", f.Name, f.Value, want[f.Name], r.Raw)
			}
			delete(want, f.Name)
		case "X-Wechat-Unionid", "X-Wechat-Userinfo", "X-Wechat-Phone":
			if f.Value == "" {
				t.Errorf("%s is empty; want it absent", f.Name)
			}
		default:
			continue
		}
		rest = strings.Replace(rest, f.Name+":", "", 1)
	}
	if len(want) > 0 {
		t.Errorf("the upstream did not see %v:\n%s", want, r.Raw)
	}
	if name := ReservedName.FindString(rest); name != "" {
		t.Errorf("the upstream saw another %q:\n%s", name, r.Raw)
	}
}

// RequireNoToken fails if a request carries the token anywhere.
func RequireNoToken(t *testing.T, r Request, token string) {
	t.Helper()
	if strings.Contains(r.Raw, token) {
		t.Errorf("the upstream saw the token:\n%s", r.Raw)
	}
}

// RequireStatus fails, and ends the test, unless an answer has the status.
func RequireStatus(t *testing.T, got Reply, want int) {
	t.Helper()
	if got.Status != want {
		t.Fatalf("status %d; want %d: %v %s", got.Status, want, got.Header, got.Body)
	}
}

// RequireRefused fails unless an answer is the gate's 401 in full.
func RequireRefused(t *testing.T, got Reply) {
	t.Helper()
	RequireStatus(t, got, 401)
	if !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Bearer") ||
		got.Header.Get("Cache-Control") != "no-store" || !strings.Contains(got.Body, `"error":"invalid_token"`) {
		t.Errorf("not the gate's answer: %v %s", got.Header, got.Body)
	}
}
