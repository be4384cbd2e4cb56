// command_test.go: `caddy wechat ...`, in a process of its own, against a running
// gateway.

package wechat_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// loadText puts a Caddyfile in force.
func loadText(text string) error {
	config, err := gatewaytest.Adapt(text)
	if err != nil {
		return err
	}
	return caddy.Load(config, true)
}

// Sessions are shown and revoked, as tables for people and as JSON for scripts.
func TestCommandSessions(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	token, second := gatewaytest.Login(t, gw, gatewaytest.Alice), gatewaytest.Login(t, gw, gatewaytest.Alice)
	gatewaytest.Login(t, gw, gatewaytest.Eve)
	id := gatewaytest.SessionID(t, token)

	gw.Wechat(t, "sessions", "--appid", gatewaytest.AppA, "--openid", gatewaytest.Alice).Require(t, 0, "SESSION", "OPENID", id, gatewaytest.SessionID(t, second), gatewaytest.AppA, gatewaytest.Alice)
	gw.Wechat(t, "sessions", gatewaytest.AppA, gatewaytest.Alice).Require(t, 0, id, gatewaytest.SessionID(t, second), gatewaytest.Alice)
	gw.Wechat(t, "sessions", gatewaytest.AppA, "oNobody").Require(t, 0, "none")
	gw.Wechat(t, "sessions", id).Require(t, 0, id, gatewaytest.Alice)
	gw.Wechat(t, "sessions", "--appid", gatewaytest.AppA, "--openid", "oNobody").Require(t, 0, "none")
	var answer struct{ Sessions []gatewaytest.Members }
	out := gw.Wechat(t, "sessions", "--appid", gatewaytest.AppA, "--openid", gatewaytest.Alice, "--json")
	if err := json.Unmarshal([]byte(out.Stdout), &answer); err != nil || len(answer.Sessions) != 2 || answer.Sessions[0]["id"] != id {
		t.Errorf("--json: %v %q", err, out.Stdout)
	}
	out = gw.Wechat(t, "sessions", id, "--json")
	if m := gatewaytest.JSON(t, gatewaytest.Reply{Body: out.Stdout}); m["id"] != id || m["openid"] != gatewaytest.Alice {
		t.Errorf("--json: %q", out.Stdout)
	}

	for _, wrong := range [][]string{
		{"sessions"}, {"sessions", "--appid", gatewaytest.AppA}, {"sessions", "--openid", gatewaytest.Alice}, {"sessions", id, "--appid", gatewaytest.AppA, "--openid", gatewaytest.Alice},
		{"sessions", "a", "b"}, {"sessions", "no-such-session"}, {"sessions", "AAAAAAAAAAAAAAAAAAAAAA"},
		{"sessions", gatewaytest.Alice, gatewaytest.AppA}, {"sessions", gatewaytest.AppA, gatewaytest.Alice, id}, {"sessions", gatewaytest.AppA, ""}, {"sessions", gatewaytest.AppA, "--openid", gatewaytest.Alice},
		{"sessions", id, id}, {"revoke", id, id}, {"revoke", gatewaytest.Alice, gatewaytest.AppA}, {"revoke", gatewaytest.AppA}, {"revoke", gatewaytest.Alice}, {"revoke", gatewaytest.AppA, gatewaytest.Alice, id},
		{"revoke", gatewaytest.AppA, gatewaytest.Alice, "--appid", gatewaytest.AppA, "--openid", gatewaytest.Alice}, {"revoke", id, "--openid", gatewaytest.Alice},
		{"revoke"}, {"revoke", "--appid", gatewaytest.AppA}, {"revoke", "../users/" + gatewaytest.AppA + "/" + gatewaytest.Alice}, {"revoke", "--all"}, {"nothing"},
	} {
		gw.Wechat(t, wrong...).Require(t, 1)
	}
	gw.Wechat(t, "revoke", gatewaytest.AppA, "").Require(t, 1, "an AppID", "and an openid, in this order")
	gatewaytest.RequireAlive(t, gw, token, true)

	gw.Wechat(t, "revoke", id).Require(t, 0, "ended")
	gw.Wechat(t, "revoke", id).Require(t, 0, "ended") // gone is gone
	// what an earlier version named so, or a key
	gw.Wechat(t, "revoke", "-axlmwmB8QpU9KsxZQvFeQ").Require(t, 1, "behind --: caddy wechat revoke -- <id>")
	gatewaytest.RequireAlive(t, gw, token, false)
	gatewaytest.RequireAlive(t, gw, second, true)
	out = gw.Wechat(t, "revoke", "--appid", gatewaytest.AppA, "--openid", gatewaytest.Alice, "--json")
	out.Require(t, 0)
	if m := gatewaytest.JSON(t, gatewaytest.Reply{Body: out.Stdout}); m["ended"] != 1.0 {
		t.Errorf("--json: %q", out.Stdout)
	}
	gatewaytest.RequireAlive(t, gw, second, false)
	third := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gw.Wechat(t, "revoke", gatewaytest.AppA, gatewaytest.Alice).Require(t, 0, "Sessions ended: 1")
	gatewaytest.RequireAlive(t, gw, third, false)
	if n := len(gw.ListSessions(t, gatewaytest.AppA, gatewaytest.Eve)); n != 1 {
		t.Errorf("%d sessions of eve", n)
	}
}

// Keys are listed, rotated and revoked.
func TestCommandKeys(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	kid := gatewaytest.KeyID(t, token)
	for _, args := range [][]string{{"keys"}, {"keys", "list"}} {
		gw.Wechat(t, args...).Require(t, 0, "KEY", "STATE", kid, "signing", "HS256")
	}
	gw.Wechat(t, "keys", "rotate").Require(t, 0, kid, "pending")
	var answer struct{ Keys []gatewaytest.Members }
	out := gw.Wechat(t, "keys", "--json")
	if err := json.Unmarshal([]byte(out.Stdout), &answer); err != nil || len(answer.Keys) != 2 {
		t.Errorf("--json: %v %q", err, out.Stdout)
	}
	for _, wrong := range [][]string{{"keys", "revoke"}, {"keys", "revoke", "nobody"}, {"keys", "revoke", "a", "b"}, {"keys", "rotate", "x"}, {"keys", "rotate", "--seal"}} {
		gw.Wechat(t, wrong...).Require(t, 1)
	}
	gatewaytest.RequireAlive(t, gw, token, true)
	gw.Wechat(t, "keys", "revoke", "nobody").Require(t, 1, `there is no key "nobody"`)
	revoked := gw.Wechat(t, "keys", "revoke", "--json", "--", kid)
	revoked.Require(t, 0, "signing")
	if !json.Valid([]byte(revoked.Stdout)) || !strings.Contains(revoked.Stderr, "Every token of that key has ended.") {
		t.Errorf("%q, %q", revoked.Stdout, revoked.Stderr)
	}
	gatewaytest.RequireAlive(t, gw, token, false)
	// as the command has said: the session is listed, and logs nobody in
	gw.Wechat(t, "sessions", gatewaytest.AppA, gatewaytest.Alice).Require(t, 0, gatewaytest.SessionID(t, token))
}

// A token is looked into offline, from standard input or an argument. What it says
// is shown, the token itself is not.
func TestCommandTokenInspect(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	for _, in := range []string{token, token + "\n", "Bearer " + token + "\r\n", " " + token} {
		for _, out := range []gatewaytest.Run{
			gatewaytest.RunCaddy(t, in, "wechat", "token", "inspect"), gatewaytest.RunCaddy(t, in, "wechat", "token", "inspect", "-"),
			gatewaytest.RunCaddy(t, "", "wechat", "token", "inspect", in),
		} {
			out.Require(t, 0, gatewaytest.Alice, gatewaytest.AppA, gatewaytest.SessionID(t, token), gatewaytest.KeyID(t, token), "HS256", "not expired", "not checked")
			if strings.Contains(out.Stdout, token) {
				t.Error("the token itself is shown")
			}
		}
	}
	out := gatewaytest.RunCaddy(t, token, "wechat", "token", "inspect", "--json")
	m := gatewaytest.JSON(t, gatewaytest.Reply{Body: out.Stdout})
	if claims, _ := m["payload"].(map[string]any); claims["sub"] != gatewaytest.Alice || m["expired"] != false {
		t.Errorf("--json: %v", m)
	}
	old := gatewaytest.SignHS256(nil, `{"alg":"HS256"}`, `{"exp":1}`)
	gatewaytest.RunCaddy(t, old, "wechat", "token", "inspect").Require(t, 0, "EXPIRED")
	for _, in := range []string{"", "x", "a.b", "a.b.c", token + "." + token, strings.Repeat("A", 10<<10)} {
		gatewaytest.RunCaddy(t, in, "wechat", "token", "inspect").Require(t, 1, "no token")
		gatewaytest.RunCaddy(t, token, "wechat", "token", "inspect", in).Require(t, 1, "no token")
	}
	gatewaytest.RunCaddy(t, token, "wechat", "token", "inspect", token, token).Require(t, 1, "give one token")
}

// A token in the wrong place comes back from no command, nor does a part of it: what
// a terminal or a log of a script shows is read by others.
func TestCommandErrorsShowNoToken(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	parts := strings.Split(token, ".")
	for _, args := range [][]string{
		{token}, {"token", token}, {"token", "inspekt", token}, {"token", "inspect", token, token}, {"token", "inspect", "Bearer", token},
		{"token", "inspect", token + "." + parts[2]}, {"token", "inspect", parts[0] + "." + parts[1]}, {"token", "inspect", "--json=" + token},
		{"token", "inspect", "--token=" + token}, {"token", "inspect", "-t" + token}, {"token", "inspect", "--" + token},
		{"sessions", token}, {"sessions", token, gatewaytest.Alice}, {"sessions", gatewaytest.AppA, token, token}, {"sessions", "--appid", token, "--openid", gatewaytest.Alice},
		{"revoke", token}, {"revoke", token, gatewaytest.Alice}, {"revoke", "--appid", token, "--openid", gatewaytest.Alice}, {"revoke", "-x" + token},
		{"keys", token}, {"keys", "list", token}, {"keys", "rotate", token}, {"keys", "revoke", token},
	} {
		// the admin endpoint is that of the gateway, or nobody's: then the URL is in the error
		for _, address := range []string{gw.Admin, gatewaytest.FreeAddr(t)} {
			line := append([]string{"wechat"}, args...)
			if args[0] != "token" && len(args) > 1 {
				line = append(line, "--address", address)
			}
			out := gatewaytest.RunCaddy(t, "", line...)
			if (out.Code != 1 || out.Stderr == "") && !slices.Contains(args, "--appid") {
				t.Errorf("%d arguments of %s: exit code %d, want 1 and a reason", len(args), args[0], out.Code)
			}
			for _, part := range append(parts, token) {
				if strings.Contains(out.Stdout+out.Stderr, part) {
					t.Errorf("wechat %s with %d arguments: the token is shown: %q", args[0], len(args), strings.ReplaceAll(out.Stderr, part, "<PART>"))
				}
			}
		}
	}
	gatewaytest.RequireAlive(t, gw, token, true)
}

// Every command has help, and says on standard error why it failed; a gateway
// that is not there is such a reason.
func TestCommandHelp(t *testing.T) {
	gatewaytest.CountTest(t)
	for _, path := range []string{"", "sessions", "revoke", "token", "token inspect", "keys", "keys list", "keys rotate", "keys revoke"} {
		args := append([]string{"wechat"}, strings.Fields(path)...)
		out := gatewaytest.RunCaddy(t, "", append(args, "--help")...)
		out.Require(t, 0, "Usage:", "caddy wechat "+path)
		if len(out.Stdout) < 200 {
			t.Errorf("%s: little help: %q", path, out.Stdout)
		}
	}
	nobody := gatewaytest.FreeAddr(t)
	for _, args := range [][]string{{"sessions", "AAAAAAAAAAAAAAAAAAAAAA"}, {"revoke", "--appid", gatewaytest.AppA, "--openid", gatewaytest.Alice}, {"keys"}, {"keys", "rotate"}} {
		out := gatewaytest.RunCaddy(t, "", append(append([]string{"wechat"}, args...), "--address", nobody)...)
		out.Require(t, 1, nobody[strings.Index(nobody, ":"):])
		if strings.Contains(out.Stderr, "Usage:") {
			t.Errorf("%s: the reason is buried in help", args)
		}
	}
}

// What a person types who does not know the commands yet.
func TestCommandGuides(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	for _, roof := range []string{"wechat", "wechat token"} {
		gatewaytest.RunCaddy(t, "", strings.Fields(roof)...).Require(t, 0, "Usage:", "Available Commands:")
	}
	gw.Wechat(t, "sessions", gatewaytest.AppA).Require(t, 1, "this is an AppID", "caddy wechat sessions <appid> <openid>")
	gw.Wechat(t, "revoke", gatewaytest.AppA).Require(t, 1, "caddy wechat revoke <appid> <openid>")
	for _, command := range []string{"sessions", "revoke"} {
		gw.Wechat(t, command, gatewaytest.AppB, gatewaytest.Alice).Require(t, 1, "404", "this app is not configured here", gatewaytest.AppA)
	}
	out := gatewaytest.RunCaddy(t, "", "wechat", "version")
	out.Require(t, 0)
	version := strings.TrimSuffix(out.Stdout, "\n")
	if version == "" || strings.Contains(version, "\n") {
		t.Errorf("version %q", out.Stdout)
	}
	if line := gw.AwaitLog(t, "WeChat login gateway"); line["version"] != version || line["store"] != "memory" {
		t.Errorf("the log says %v, want version %q", line, version)
	}
	if all := gw.Ask(t, "GET", "/metrics"); !strings.Contains(all.Body, `caddy_wechat_build_info{version="`+version+`"} 1`) {
		t.Errorf("no build_info in the metrics: %.300s", all.Body)
	}
}

// A doctor finds what is wrong with a gateway, and says so by the exit status.
func TestCommandDoctor(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	gw.Wechat(t, "doctor").Require(t, 0, "store memory", "wechat", "clock", "admin endpoint", "for this machine alone")
	if err := gw.Sim.Fault(wechattest.Fault{Path: wechattest.PathCode2Session, ErrCode: 40164}); err != nil {
		t.Fatal(err)
	}
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Alice)), 502)
	out := gw.Wechat(t, "doctor", "--json")
	if out.Code != 1 || !gatewaytest.ContainsAll(out.Stdout, []string{"IP white list", gatewaytest.AppA, `"level":"wrong"`}) {
		t.Errorf("exit code %d, %q", out.Code, out.Stdout)
	}
}
