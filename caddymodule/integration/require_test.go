// require_test.go: verdicts over the bytes that reached the upstream.

package integration

import (
	"regexp"
	"strings"
	"testing"
)

// reservedName finds what a backend could take for an identity header, in any
// spelling, anywhere in the bytes. It is written apart from the gateway's own
// rule, so that one mistake cannot hide in both.
var reservedName = regexp.MustCompile(`(?i)x[^a-z0-9](wechat|wx)[^a-z0-9]`)

// requireNoUpstream fails if anything at all has reached the upstream.
func requireNoUpstream(t *testing.T, gw *gateway) {
	t.Helper()
	if got := gw.up.Requests(); len(got) > 0 {
		t.Errorf("the upstream saw %d requests; want none:\n%s", len(got), rawOf(got))
	}
	gw.up.Reset()
}

// requireAnonymous fails if a request says who is calling, in any spelling, in
// its head, body, trailers or tunnel.
func requireAnonymous(t *testing.T, r request) {
	t.Helper()
	if name := reservedName.FindString(r.Raw); name != "" {
		t.Errorf("the upstream saw %q; want no identity:\n%s", name, r.Raw)
	}
}

// requireIdentity fails unless a request says, once and in the gateway's
// spelling, that this user of appA is calling, and says it of nobody else.
func requireIdentity(t *testing.T, r request, openid string) {
	t.Helper()
	requireIdentityApp(t, r, appA, openid)
}

// requireIdentityApp is requireIdentity for a user of another app.
func requireIdentityApp(t *testing.T, r request, appid, openid string) {
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
	if name := reservedName.FindString(rest); name != "" {
		t.Errorf("the upstream saw another %q:\n%s", name, r.Raw)
	}
}

// requireNoToken fails if a request carries the token anywhere.
func requireNoToken(t *testing.T, r request, token string) {
	t.Helper()
	if strings.Contains(r.Raw, token) {
		t.Errorf("the upstream saw the token:\n%s", r.Raw)
	}
}

// requireStatus fails, and ends the test, unless an answer has the status.
func requireStatus(t *testing.T, got reply, want int) {
	t.Helper()
	if got.Status != want {
		t.Fatalf("status %d; want %d: %v %s", got.Status, want, got.Header, got.Body)
	}
}

// requireRefused fails unless an answer is the gate's 401 in full.
func requireRefused(t *testing.T, got reply) {
	t.Helper()
	requireStatus(t, got, 401)
	if !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Bearer") ||
		got.Header.Get("Cache-Control") != "no-store" || !strings.Contains(got.Body, `"error":"invalid_token"`) {
		t.Errorf("not the gate's answer: %v %s", got.Header, got.Body)
	}
}
