// admin_http_test.go: the operator's API on Caddy's admin endpoint.

package wechat_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// The sessions of one user, and the ends of them. Nobody can list everybody.
func TestAdminSessions(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true, Apps: []string{gatewaytest.AppA, gatewaytest.AppB}, Auth: "wechat_auth {\n app *\n}"})
	first, second := gatewaytest.Login(t, gw, gatewaytest.Alice), gatewaytest.Login(t, gw, gatewaytest.Alice)
	gatewaytest.LoginApp(t, gw, gatewaytest.AppB, gatewaytest.Alice)
	eves := gatewaytest.Login(t, gw, gatewaytest.Eve)

	list := gw.ListSessions(t, gatewaytest.AppA, gatewaytest.Alice)
	if len(list) != 2 || list[0]["id"] != gatewaytest.SessionID(t, first) || list[1]["id"] != gatewaytest.SessionID(t, second) {
		t.Fatalf("%d sessions, or not in the order of their logins", len(list))
	}
	m := list[0]
	gatewaytest.RequireMembers(t, m, "id", "appid", "openid", "unionid", "issued_at", "expires_at")
	if m["appid"] != gatewaytest.AppA || m["openid"] != gatewaytest.Alice || m["expires_at"].(float64)-m["issued_at"].(float64) != 86400 {
		t.Errorf("session %v", m)
	}
	one := gw.Ask(t, "GET", "/wechat/sessions/"+gatewaytest.SessionID(t, first))
	gatewaytest.RequireStatus(t, one, 200)
	if fmt.Sprint(gatewaytest.JSON(t, one)) != fmt.Sprint(m) {
		t.Errorf("the session by its id is %s", one.Body)
	}
	if got := gw.ListSessions(t, gatewaytest.AppA, "oNobody"); len(got) != 0 {
		t.Errorf("%d sessions of nobody", len(got))
	}
	for _, query := range []string{"", "?appid=" + gatewaytest.AppA, "?openid=" + gatewaytest.Alice, "?appid=&openid=" + gatewaytest.Alice, "?appid=" + gatewaytest.AppA + "&openid=", "?appid=*&openid="} {
		if got := gw.Ask(t, "GET", "/wechat/sessions"+query); got.Status != 400 || !strings.Contains(got.Body, "required") {
			t.Errorf("%q: %d %s", query, got.Status, got.Body)
		}
	}
	if got := gw.ListSessions(t, gatewaytest.AppA, "*"); len(got) != 0 {
		t.Errorf("%d sessions of *", len(got))
	}

	for range 2 { // one that is gone ends well, too
		got := gw.Ask(t, "DELETE", "/wechat/sessions/"+gatewaytest.SessionID(t, first))
		if got.Status != 204 || got.Body != "" {
			t.Errorf("%d %s", got.Status, got.Body)
		}
	}
	gatewaytest.RequireAlive(t, gw, first, false)
	gatewaytest.RequireAlive(t, gw, second, true)
	gatewaytest.RequireStatus(t, gw.Ask(t, "GET", "/wechat/sessions/"+gatewaytest.SessionID(t, first)), 404)
	// near misses end nothing: a path that the admin endpoint cleans, an id that is none
	for _, id := range []string{"", "x", "*", "../" + gatewaytest.SessionID(t, second), gatewaytest.SessionID(t, second) + "/", gatewaytest.SessionID(t, second)[:21], gatewaytest.StrayBits(gatewaytest.SessionID(t, second)), "%00"} {
		gw.Ask(t, "DELETE", "/wechat/sessions/"+id)
	}
	gatewaytest.RequireAlive(t, gw, second, true)

	gatewaytest.Login(t, gw, gatewaytest.Alice)
	for _, want := range []string{`{"ended":2}`, `{"ended":0}`} {
		got := gw.Ask(t, "DELETE", "/wechat/users/"+gatewaytest.AppA+"/"+gatewaytest.Alice)
		if got.Status != 200 || strings.TrimSpace(got.Body) != want {
			t.Errorf("%d %s; want %s", got.Status, got.Body, want)
		}
	}
	gatewaytest.RequireAlive(t, gw, second, false)
	gatewaytest.RequireAlive(t, gw, eves, true)
	if n := len(gw.ListSessions(t, gatewaytest.AppB, gatewaytest.Alice)); n != 1 {
		t.Errorf("%d sessions of the other app; want 1", n)
	}
	for _, path := range []string{"", gatewaytest.AppA, gatewaytest.AppA + "/", "/" + gatewaytest.Alice, gatewaytest.AppA + "/" + gatewaytest.Alice + "/x"} {
		if got := gw.Ask(t, "DELETE", "/wechat/users/"+path); got.Status < 300 {
			t.Errorf("users %q: %d", path, got.Status)
		}
	}
	gatewaytest.RequireAlive(t, gw, eves, true)
}

// A wrong method is told the right one, and does nothing.
func TestAdminMethods(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	id := gatewaytest.SessionID(t, token)
	for path, allow := range map[string]string{
		"/wechat/sessions": "GET", "/wechat/sessions/" + id: "GET, DELETE", "/wechat/users/" + gatewaytest.AppA + "/" + gatewaytest.Alice: "DELETE",
		"/wechat/keys": "GET", "/wechat/keys/rotate": "POST", "/wechat/keys/" + gatewaytest.KeyID(t, token): "DELETE", "/wechat/health": "GET",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			if strings.Contains(allow, method) {
				continue
			}
			got := gw.Ask(t, method, path)
			if got.Status != 405 || got.Header.Get("Allow") != allow {
				t.Errorf("%s %s: %d, Allow %q; want 405, %q", method, path, got.Status, got.Header.Get("Allow"), allow)
			}
			gatewaytest.RequireProblem(t, got, 405, "invalid_request")
		}
	}
	gatewaytest.RequireStatus(t, gw.Ask(t, "GET", "/wechat/nothing"), 404)
	gatewaytest.RequireAlive(t, gw, token, true)

	// a page in the operator's browser has no say here
	for _, h := range []string{"Host: evil.example\n", "Host: <ADMIN>\nOrigin: https://evil.example\nSec-Fetch-Mode: cors\n"} {
		h = strings.Replace(h, "<ADMIN>", gw.Admin, 1)
		if got := gatewaytest.RawHTTP(t, gw.Admin, "DELETE /wechat/sessions/"+id+" HTTP/1.1\n"+h+"\n"); got.Status < 400 {
			t.Errorf("%q: %d", h, got.Status)
		}
	}
	gatewaytest.RequireAlive(t, gw, token, true)
}

// What cannot be done is said as everywhere: a code for scripts, a description for people.
func TestAdminErrors(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	unknown := gatewaytest.SessionID(t, gatewaytest.Login(t, gw, gatewaytest.Alice))
	gatewaytest.RequireStatus(t, gw.Ask(t, "DELETE", "/wechat/sessions/"+unknown), 204)
	for call, status := range map[string]int{
		"GET /wechat/sessions": 400, "GET /wechat/sessions?appid=wx00000000000000ff&openid=o": 404, "GET /wechat/sessions/" + unknown: 404,
		"DELETE /wechat/sessions/": 400, "DELETE /wechat/users/x": 400, "DELETE /wechat/users/wx00000000000000ff/o": 404,
		"POST /wechat/keys/rotate?kind=x": 400, "POST /wechat/keys/rotate?kind=seal": 409, "DELETE /wechat/keys/none": 404,
	} {
		method, path, _ := strings.Cut(call, " ")
		gatewaytest.RequireProblem(t, gw.Ask(t, method, path), status, "invalid_request")
	}
}

// A line for each of what the gateway depends on, and 503 when one is down.
func TestAdminHealth(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	got := gw.Ask(t, "GET", "/wechat/health")
	if got.Status != 200 || got.Body != "store: ok\nwechat: ok\n" {
		t.Errorf("%d %q", got.Status, got.Body)
	}
	gw.SimURL = "http://" + gatewaytest.FreeAddr(t)
	gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	got = gw.Ask(t, "GET", "/wechat/health")
	if got.Status != 503 || !strings.HasPrefix(got.Body, "store: ok\nwechat: WeChat") || strings.Contains(got.Body, gatewaytest.SecretA) {
		t.Errorf("%d %q", got.Status, got.Body)
	}
}

// Keys are listed without their secrets. A rotation publishes a key that signs
// later, so that no node meets a token of a key it has not read; a revocation
// ends its tokens at once, and nobody else's.
func TestAdminKeys(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	keys := func(got gatewaytest.Reply) (list []gatewaytest.Members) {
		t.Helper()
		gatewaytest.RequireStatus(t, got, 200)
		var answer struct{ Keys []gatewaytest.Members }
		if err := json.Unmarshal([]byte(got.Body), &answer); err != nil {
			t.Fatal(err)
		}
		return answer.Keys
	}
	list := keys(gw.Ask(t, "GET", "/wechat/keys"))
	if len(list) != 1 || list[0]["kid"] != gatewaytest.KeyID(t, token) || list[0]["state"] != "signing" || list[0]["alg"] != "HS256" {
		t.Fatalf("keys %v", list)
	}
	list = keys(gw.Ask(t, "POST", "/wechat/keys/rotate"))
	if len(list) != 2 || list[0]["state"] != "pending" || list[1]["kid"] != gatewaytest.KeyID(t, token) || list[1]["state"] != "signing" {
		t.Errorf("keys %v after a rotation", list)
	}
	second := gatewaytest.Login(t, gw, gatewaytest.Eve)
	gatewaytest.RequireAlive(t, gw, token, true)
	gatewaytest.RequireStatus(t, gw.Ask(t, "DELETE", "/wechat/keys/AAAAAAAAAAAAAAAA"), 404)
	gatewaytest.RequireStatus(t, gw.Ask(t, "POST", "/wechat/keys/rotate?kind=nothing"), 400)

	keys(gw.Ask(t, "DELETE", "/wechat/keys/"+gatewaytest.KeyID(t, token)))
	gatewaytest.RequireAlive(t, gw, token, false)
	if gatewaytest.KeyID(t, second) == gatewaytest.KeyID(t, token) {
		gatewaytest.RequireAlive(t, gw, second, false)
	}
	third := gatewaytest.Login(t, gw, gatewaytest.Alice)
	if gatewaytest.KeyID(t, third) == gatewaytest.KeyID(t, token) {
		t.Error("the revoked key signs")
	}
	gatewaytest.RequireAlive(t, gw, third, true)
	gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory + "api_timeout 4s\n", Admin: true})
	gatewaytest.RequireAlive(t, gw, token, false)
	gatewaytest.RequireAlive(t, gw, third, true)
}

// With key files, the keys are the operator's to change in the configuration.
func TestAdminKeyFiles(t *testing.T) {
	path, _ := gatewaytest.KeyFile(t, "HS256")
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory + gatewaytest.TokenBlock("HS256", path), Admin: true})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gatewaytest.RequireStatus(t, gw.Ask(t, "GET", "/wechat/keys"), 200)
	gatewaytest.RequireStatus(t, gw.Ask(t, "POST", "/wechat/keys/rotate"), 409)
	gatewaytest.RequireStatus(t, gw.Ask(t, "DELETE", "/wechat/keys/"+gatewaytest.KeyID(t, token)), 409)
	gatewaytest.RequireAlive(t, gw, token, true)
}

// The admin API answers for the running configuration: when that has no gateway,
// it says so.
func TestAdminWithoutGateway(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	text := gw.Fill("{\n admin " + gw.Admin + "\n persist_config off\n storage file_system <DIR>/storage\n}\nhttp://<HTTP> {\n respond x\n}\n")
	if err := loadText(text); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/wechat/sessions?appid=" + gatewaytest.AppA + "&openid=" + gatewaytest.Alice, "/wechat/health", "/wechat/keys"} {
		if got := gw.Ask(t, "GET", path); got.Status != 404 || !strings.Contains(got.Body, "no app wechat") {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
	gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 0)
}
