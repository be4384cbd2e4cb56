// admin_test.go: the operator's API on Caddy's admin endpoint.

package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// The sessions of one user, and the ends of them. Nobody can list everybody.
func TestAdminSessions(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Admin: true, Apps: []string{appA, appB}, Auth: "wechat_auth {\n app *\n}"})
	first, second := login(t, gw, alice), login(t, gw, alice)
	loginApp(t, gw, appB, alice)
	eves := login(t, gw, eve)

	list := gw.listSessions(t, appA, alice)
	if len(list) != 2 || list[0]["id"] != idOf(t, first) || list[1]["id"] != idOf(t, second) {
		t.Fatalf("%d sessions, or not in the order of their logins", len(list))
	}
	m := list[0]
	requireMembers(t, m, "id", "appid", "openid", "unionid", "issued_at", "expires_at")
	if m["appid"] != appA || m["openid"] != alice || m["expires_at"].(float64)-m["issued_at"].(float64) != 86400 {
		t.Errorf("session %v", m)
	}
	one := gw.ask(t, "GET", "/wechat/sessions/"+idOf(t, first))
	requireStatus(t, one, 200)
	if fmt.Sprint(object(t, one)) != fmt.Sprint(m) {
		t.Errorf("the session by its id is %s", one.Body)
	}
	if got := gw.listSessions(t, appA, "oNobody"); len(got) != 0 {
		t.Errorf("%d sessions of nobody", len(got))
	}
	for _, query := range []string{"", "?appid=" + appA, "?openid=" + alice, "?appid=&openid=" + alice, "?appid=" + appA + "&openid=", "?appid=*&openid="} {
		if got := gw.ask(t, "GET", "/wechat/sessions"+query); got.Status != 400 || !strings.Contains(got.Body, "required") {
			t.Errorf("%q: %d %s", query, got.Status, got.Body)
		}
	}
	if got := gw.listSessions(t, appA, "*"); len(got) != 0 {
		t.Errorf("%d sessions of *", len(got))
	}

	for range 2 { // one that is gone ends well, too
		got := gw.ask(t, "DELETE", "/wechat/sessions/"+idOf(t, first))
		if got.Status != 204 || got.Body != "" {
			t.Errorf("%d %s", got.Status, got.Body)
		}
	}
	requireAlive(t, gw, first, false)
	requireAlive(t, gw, second, true)
	requireStatus(t, gw.ask(t, "GET", "/wechat/sessions/"+idOf(t, first)), 404)
	// near misses end nothing: a path that the admin endpoint cleans, an id that is none
	for _, id := range []string{"", "x", "*", "../" + idOf(t, second), idOf(t, second) + "/", idOf(t, second)[:21], strayBits(idOf(t, second)), "%00"} {
		gw.ask(t, "DELETE", "/wechat/sessions/"+id)
	}
	requireAlive(t, gw, second, true)

	login(t, gw, alice)
	for _, want := range []string{`{"ended":2}`, `{"ended":0}`} {
		got := gw.ask(t, "DELETE", "/wechat/users/"+appA+"/"+alice)
		if got.Status != 200 || strings.TrimSpace(got.Body) != want {
			t.Errorf("%d %s; want %s", got.Status, got.Body, want)
		}
	}
	requireAlive(t, gw, second, false)
	requireAlive(t, gw, eves, true)
	if n := len(gw.listSessions(t, appB, alice)); n != 1 {
		t.Errorf("%d sessions of the other app; want 1", n)
	}
	for _, path := range []string{"", appA, appA + "/", "/" + alice, appA + "/" + alice + "/x"} {
		if got := gw.ask(t, "DELETE", "/wechat/users/"+path); got.Status < 300 {
			t.Errorf("users %q: %d", path, got.Status)
		}
	}
	requireAlive(t, gw, eves, true)
}

// A wrong method is told the right one, and does nothing.
func TestAdminMethods(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Admin: true})
	token := login(t, gw, alice)
	id := idOf(t, token)
	for path, allow := range map[string]string{
		"/wechat/sessions": "GET", "/wechat/sessions/" + id: "GET, DELETE", "/wechat/users/" + appA + "/" + alice: "DELETE",
		"/wechat/keys": "GET", "/wechat/keys/rotate": "POST", "/wechat/keys/" + kidOf(t, token): "DELETE", "/wechat/health": "GET",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			if strings.Contains(allow, method) {
				continue
			}
			if got := gw.ask(t, method, path); got.Status != 405 || got.Header.Get("Allow") != allow {
				t.Errorf("%s %s: %d, Allow %q; want 405, %q", method, path, got.Status, got.Header.Get("Allow"), allow)
			}
		}
	}
	requireStatus(t, gw.ask(t, "GET", "/wechat/nothing"), 404)
	requireAlive(t, gw, token, true)

	// a page in the operator's browser has no say here
	for _, h := range []string{"Host: evil.example\n", "Host: <ADMIN>\nOrigin: https://evil.example\nSec-Fetch-Mode: cors\n"} {
		h = strings.Replace(h, "<ADMIN>", gw.Admin, 1)
		if got := rawHTTP(t, gw.Admin, "DELETE /wechat/sessions/"+id+" HTTP/1.1\n"+h+"\n"); got.Status < 400 {
			t.Errorf("%q: %d", h, got.Status)
		}
	}
	requireAlive(t, gw, token, true)
}

// A line for each of what the gateway depends on, and 503 when one is down.
func TestAdminHealth(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Admin: true})
	got := gw.ask(t, "GET", "/wechat/health")
	if got.Status != 200 || got.Body != "store: ok\nwechat: ok\n" {
		t.Errorf("%d %q", got.Status, got.Body)
	}
	gw.simURL = "http://" + freeAddr(t)
	reload(t, gw, setup{Wechat: inMemory, Admin: true})
	got = gw.ask(t, "GET", "/wechat/health")
	if got.Status != 503 || !strings.HasPrefix(got.Body, "store: ok\nwechat: WeChat") || strings.Contains(got.Body, secretA) {
		t.Errorf("%d %q", got.Status, got.Body)
	}
}

// Keys are listed without their secrets. A rotation publishes a key that signs
// later, so that no node meets a token of a key it has not read; a revocation
// ends its tokens at once, and nobody else's.
func TestAdminKeys(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Admin: true})
	token := login(t, gw, alice)
	keys := func(got reply) (list []members) {
		t.Helper()
		requireStatus(t, got, 200)
		var answer struct{ Keys []members }
		if err := json.Unmarshal([]byte(got.Body), &answer); err != nil {
			t.Fatal(err)
		}
		return answer.Keys
	}
	list := keys(gw.ask(t, "GET", "/wechat/keys"))
	if len(list) != 1 || list[0]["kid"] != kidOf(t, token) || list[0]["state"] != "signing" || list[0]["alg"] != "HS256" {
		t.Fatalf("keys %v", list)
	}
	list = keys(gw.ask(t, "POST", "/wechat/keys/rotate"))
	if len(list) != 2 || list[0]["state"] != "pending" || list[1]["kid"] != kidOf(t, token) || list[1]["state"] != "signing" {
		t.Errorf("keys %v after a rotation", list)
	}
	second := login(t, gw, eve)
	requireAlive(t, gw, token, true)
	requireStatus(t, gw.ask(t, "DELETE", "/wechat/keys/AAAAAAAAAAAAAAAA"), 404)
	requireStatus(t, gw.ask(t, "POST", "/wechat/keys/rotate?kind=nothing"), 400)

	keys(gw.ask(t, "DELETE", "/wechat/keys/"+kidOf(t, token)))
	requireAlive(t, gw, token, false)
	if kidOf(t, second) == kidOf(t, token) {
		requireAlive(t, gw, second, false)
	}
	third := login(t, gw, alice)
	if kidOf(t, third) == kidOf(t, token) {
		t.Error("the revoked key signs")
	}
	requireAlive(t, gw, third, true)
	reload(t, gw, setup{Wechat: inMemory + "api_timeout 4s\n", Admin: true})
	requireAlive(t, gw, token, false)
	requireAlive(t, gw, third, true)
}

// With key files, the keys are the operator's to change in the configuration.
func TestAdminKeyFiles(t *testing.T) {
	path, _ := keyFile(t, "HS256")
	gw := startAdmin(t, setup{Wechat: inMemory + tokenBlock("HS256", path), Admin: true})
	token := login(t, gw, alice)
	requireStatus(t, gw.ask(t, "GET", "/wechat/keys"), 200)
	requireStatus(t, gw.ask(t, "POST", "/wechat/keys/rotate"), 409)
	requireStatus(t, gw.ask(t, "DELETE", "/wechat/keys/"+kidOf(t, token)), 409)
	requireAlive(t, gw, token, true)
}

// The admin API answers for the running configuration: when that has no gateway,
// it says so.
func TestAdminWithoutGateway(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Admin: true})
	text := gw.fill("{\n admin " + gw.Admin + "\n persist_config off\n storage file_system <DIR>/storage\n}\nhttp://<HTTP> {\n respond x\n}\n")
	if err := loadText(text); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/wechat/sessions?appid=" + appA + "&openid=" + alice, "/wechat/health", "/wechat/keys"} {
		if got := gw.ask(t, "GET", path); got.Status != 404 || !strings.Contains(got.Body, "no app wechat") {
			t.Errorf("%s: %d %s", path, got.Status, got.Body)
		}
	}
	requireCalls(t, gw, wechattest.PathCode2Session, 0)
}
