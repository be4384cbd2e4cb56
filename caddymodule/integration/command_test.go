// command_test.go: `caddy wechat ...`, in a process of its own, against a running
// gateway.

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// asCaddy makes this test binary the binary caddy: it holds all that cmd/caddy
// does, and needs no second build.
const asCaddy = "CADDY_WECHAT_TEST_AS_CADDY"

func init() {
	if os.Getenv(asCaddy) != "" {
		caddycmd.Main()
		os.Exit(0)
	}
}

// caddyCommand prepares a run of the binary.
func caddyCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asCaddy+"=1")
	return cmd
}

// run is what came of a command.
type run struct {
	stdout, stderr string
	code           int
}

// wechat runs `caddy wechat ...` against the gateway's admin endpoint.
func (gw *gateway) wechat(t *testing.T, args ...string) run {
	t.Helper()
	end := slices.Index(args, "--") // after it all are arguments
	if end < 0 {
		end = len(args)
	}
	return runCaddy(t, "", slices.Concat([]string{"wechat"}, args[:end], []string{"--address", gw.Admin}, args[end:])...)
}

func runCaddy(t *testing.T, stdin string, args ...string) run {
	t.Helper()
	cmd := caddyCommand(t, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return run{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// require fails unless a command ended with a code and said all of the texts, on
// standard output when it went well, on standard error when not.
func (r run) require(t *testing.T, code int, texts ...string) {
	t.Helper()
	out := r.stdout
	if code != 0 {
		out = r.stderr
	}
	if r.code != code || !containsAll(out, texts) {
		t.Errorf("exit code %d, stdout %q, stderr %q; want %d and %q", r.code, r.stdout, r.stderr, code, texts)
	}
}

// loadText puts a Caddyfile in force.
func loadText(text string) error {
	config, err := adapt(text)
	if err != nil {
		return err
	}
	return caddy.Load(config, true)
}

// Sessions are shown and revoked, as tables for people and as JSON for scripts.
func TestCommandSessions(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Admin: true})
	token, second := login(t, gw, alice), login(t, gw, alice)
	login(t, gw, eve)
	id := idOf(t, token)

	gw.wechat(t, "sessions", "--appid", appA, "--openid", alice).require(t, 0, "SESSION", "OPENID", id, idOf(t, second), appA, alice)
	gw.wechat(t, "sessions", appA, alice).require(t, 0, id, idOf(t, second), alice)
	gw.wechat(t, "sessions", appA, "oNobody").require(t, 0, "none")
	gw.wechat(t, "sessions", id).require(t, 0, id, alice)
	gw.wechat(t, "sessions", "--appid", appA, "--openid", "oNobody").require(t, 0, "none")
	var answer struct{ Sessions []members }
	out := gw.wechat(t, "sessions", "--appid", appA, "--openid", alice, "--json")
	if err := json.Unmarshal([]byte(out.stdout), &answer); err != nil || len(answer.Sessions) != 2 || answer.Sessions[0]["id"] != id {
		t.Errorf("--json: %v %q", err, out.stdout)
	}
	out = gw.wechat(t, "sessions", id, "--json")
	if m := object(t, reply{Body: out.stdout}); m["id"] != id || m["openid"] != alice {
		t.Errorf("--json: %q", out.stdout)
	}

	for _, wrong := range [][]string{
		{"sessions"}, {"sessions", "--appid", appA}, {"sessions", "--openid", alice}, {"sessions", id, "--appid", appA, "--openid", alice},
		{"sessions", "a", "b"}, {"sessions", "no-such-session"}, {"sessions", "AAAAAAAAAAAAAAAAAAAAAA"},
		{"sessions", alice, appA}, {"sessions", appA, alice, id}, {"sessions", appA, ""}, {"sessions", appA, "--openid", alice},
		{"sessions", id, id}, {"revoke", id, id}, {"revoke", alice, appA}, {"revoke", appA}, {"revoke", alice}, {"revoke", appA, alice, id},
		{"revoke", appA, alice, "--appid", appA, "--openid", alice}, {"revoke", id, "--openid", alice},
		{"revoke"}, {"revoke", "--appid", appA}, {"revoke", "../users/" + appA + "/" + alice}, {"revoke", "--all"}, {"nothing"},
	} {
		gw.wechat(t, wrong...).require(t, 1)
	}
	gw.wechat(t, "revoke", appA, "").require(t, 1, "an AppID", "and an openid, in this order")
	requireAlive(t, gw, token, true)

	gw.wechat(t, "revoke", id).require(t, 0, "ended")
	gw.wechat(t, "revoke", id).require(t, 0, "ended") // gone is gone
	// what an earlier version named so, or a key
	gw.wechat(t, "revoke", "-axlmwmB8QpU9KsxZQvFeQ").require(t, 1, "behind --: caddy wechat revoke -- <id>")
	requireAlive(t, gw, token, false)
	requireAlive(t, gw, second, true)
	out = gw.wechat(t, "revoke", "--appid", appA, "--openid", alice, "--json")
	out.require(t, 0)
	if m := object(t, reply{Body: out.stdout}); m["ended"] != 1.0 {
		t.Errorf("--json: %q", out.stdout)
	}
	requireAlive(t, gw, second, false)
	third := login(t, gw, alice)
	gw.wechat(t, "revoke", appA, alice).require(t, 0, "Sessions ended: 1")
	requireAlive(t, gw, third, false)
	if n := len(gw.listSessions(t, appA, eve)); n != 1 {
		t.Errorf("%d sessions of eve", n)
	}
}

// Keys are listed, rotated and revoked.
func TestCommandKeys(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Admin: true})
	token := login(t, gw, alice)
	kid := kidOf(t, token)
	for _, args := range [][]string{{"keys"}, {"keys", "list"}} {
		gw.wechat(t, args...).require(t, 0, "KEY", "STATE", kid, "signing", "HS256")
	}
	gw.wechat(t, "keys", "rotate").require(t, 0, kid, "pending")
	var answer struct{ Keys []members }
	out := gw.wechat(t, "keys", "--json")
	if err := json.Unmarshal([]byte(out.stdout), &answer); err != nil || len(answer.Keys) != 2 {
		t.Errorf("--json: %v %q", err, out.stdout)
	}
	for _, wrong := range [][]string{{"keys", "revoke"}, {"keys", "revoke", "nobody"}, {"keys", "revoke", "a", "b"}, {"keys", "rotate", "x"}, {"keys", "rotate", "--seal"}} {
		gw.wechat(t, wrong...).require(t, 1)
	}
	requireAlive(t, gw, token, true)
	gw.wechat(t, "keys", "revoke", "--", kid).require(t, 0, "signing")
	requireAlive(t, gw, token, false)
}

// A token is looked into offline, from standard input or an argument. What it says
// is shown, the token itself is not.
func TestCommandTokenInspect(t *testing.T) {
	gw := start(t, setup{Wechat: inMemory})
	token := login(t, gw, alice)
	for _, in := range []string{token, token + "\n", "Bearer " + token + "\r\n", " " + token} {
		for _, out := range []run{
			runCaddy(t, in, "wechat", "token", "inspect"), runCaddy(t, in, "wechat", "token", "inspect", "-"),
			runCaddy(t, "", "wechat", "token", "inspect", in),
		} {
			out.require(t, 0, alice, appA, idOf(t, token), kidOf(t, token), "HS256", "not expired", "not checked")
			if strings.Contains(out.stdout, token) {
				t.Error("the token itself is shown")
			}
		}
	}
	out := runCaddy(t, token, "wechat", "token", "inspect", "--json")
	m := object(t, reply{Body: out.stdout})
	if claims, _ := m["payload"].(map[string]any); claims["sub"] != alice || m["expired"] != false {
		t.Errorf("--json: %v", m)
	}
	old := signHS256(nil, `{"alg":"HS256"}`, `{"exp":1}`)
	runCaddy(t, old, "wechat", "token", "inspect").require(t, 0, "EXPIRED")
	for _, in := range []string{"", "x", "a.b", "a.b.c", token + "." + token, strings.Repeat("A", 10<<10)} {
		runCaddy(t, in, "wechat", "token", "inspect").require(t, 1, "no token")
		runCaddy(t, token, "wechat", "token", "inspect", in).require(t, 1, "no token")
	}
	runCaddy(t, token, "wechat", "token", "inspect", token, token).require(t, 1, "give one token")
}

// A token in the wrong place comes back from no command, nor does a part of it: what
// a terminal or a log of a script shows is read by others.
func TestCommandErrorsShowNoToken(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Admin: true})
	token := login(t, gw, alice)
	parts := strings.Split(token, ".")
	for _, args := range [][]string{
		{token}, {"token", token}, {"token", "inspekt", token}, {"token", "inspect", token, token}, {"token", "inspect", "Bearer", token},
		{"token", "inspect", token + "." + parts[2]}, {"token", "inspect", parts[0] + "." + parts[1]}, {"token", "inspect", "--json=" + token},
		{"token", "inspect", "--token=" + token}, {"token", "inspect", "-t" + token}, {"token", "inspect", "--" + token},
		{"sessions", token}, {"sessions", token, alice}, {"sessions", appA, token, token}, {"sessions", "--appid", token, "--openid", alice},
		{"revoke", token}, {"revoke", token, alice}, {"revoke", "--appid", token, "--openid", alice}, {"revoke", "-x" + token},
		{"keys", token}, {"keys", "list", token}, {"keys", "rotate", token}, {"keys", "revoke", token},
	} {
		// the admin endpoint is that of the gateway, or nobody's: then the URL is in the error
		for _, address := range []string{gw.Admin, freeAddr(t)} {
			line := append([]string{"wechat"}, args...)
			if args[0] != "token" && len(args) > 1 {
				line = append(line, "--address", address)
			}
			out := runCaddy(t, "", line...)
			if (out.code != 1 || out.stderr == "") && !slices.Contains(args, "--appid") {
				t.Errorf("%d arguments of %s: exit code %d, want 1 and a reason", len(args), args[0], out.code)
			}
			for _, part := range append(parts, token) {
				if strings.Contains(out.stdout+out.stderr, part) {
					t.Errorf("wechat %s with %d arguments: the token is shown: %q", args[0], len(args), strings.ReplaceAll(out.stderr, part, "<PART>"))
				}
			}
		}
	}
	requireAlive(t, gw, token, true)
}

// Every command has help, and says on standard error why it failed; a gateway
// that is not there is such a reason.
func TestCommandHelp(t *testing.T) {
	countTest(t)
	for _, path := range []string{"", "sessions", "revoke", "token", "token inspect", "keys", "keys list", "keys rotate", "keys revoke"} {
		args := append([]string{"wechat"}, strings.Fields(path)...)
		out := runCaddy(t, "", append(args, "--help")...)
		out.require(t, 0, "Usage:", "caddy wechat "+path)
		if len(out.stdout) < 200 {
			t.Errorf("%s: little help: %q", path, out.stdout)
		}
	}
	nobody := freeAddr(t)
	for _, args := range [][]string{{"sessions", "AAAAAAAAAAAAAAAAAAAAAA"}, {"revoke", "--appid", appA, "--openid", alice}, {"keys"}, {"keys", "rotate"}} {
		out := runCaddy(t, "", append(append([]string{"wechat"}, args...), "--address", nobody)...)
		out.require(t, 1, nobody[strings.Index(nobody, ":"):])
		if strings.Contains(out.stderr, "Usage:") {
			t.Errorf("%s: the reason is buried in help", args)
		}
	}
}

// What a person types who does not know the commands yet.
func TestCommandGuides(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Admin: true})
	for _, roof := range []string{"wechat", "wechat token"} {
		runCaddy(t, "", strings.Fields(roof)...).require(t, 0, "Usage:", "Available Commands:")
	}
	gw.wechat(t, "sessions", appA).require(t, 1, "this is an AppID", "caddy wechat sessions <appid> <openid>")
	gw.wechat(t, "revoke", appA).require(t, 1, "caddy wechat revoke <appid> <openid>")
	for _, command := range []string{"sessions", "revoke"} {
		gw.wechat(t, command, appB, alice).require(t, 1, "404", "this app is not configured here", appA)
	}
	out := runCaddy(t, "", "wechat", "version")
	out.require(t, 0)
	version := strings.TrimSuffix(out.stdout, "\n")
	if version == "" || strings.Contains(version, "\n") {
		t.Errorf("version %q", out.stdout)
	}
	if line := gw.awaitLog(t, "WeChat login gateway"); line["version"] != version || line["store"] != "memory" {
		t.Errorf("the log says %v, want version %q", line, version)
	}
	if all := gw.ask(t, "GET", "/metrics"); !strings.Contains(all.Body, `caddy_wechat_build_info{version="`+version+`"} 1`) {
		t.Errorf("no build_info in the metrics: %.300s", all.Body)
	}
}

// A doctor finds what is wrong with a gateway, and says so by the exit status.
func TestCommandDoctor(t *testing.T) {
	gw := startAdmin(t, setup{Wechat: inMemory, Admin: true})
	gw.wechat(t, "doctor").require(t, 0, "store memory", "wechat", "clock", "admin endpoint", "for this machine alone")
	if err := gw.sim.Fault(wechattest.Fault{Path: wechattest.PathCode2Session, ErrCode: 40164}); err != nil {
		t.Fatal(err)
	}
	requireStatus(t, gw.h1.do(t, loginCall(gw, appA, alice)), 502)
	out := gw.wechat(t, "doctor", "--json")
	if out.code != 1 || !containsAll(out.stdout, []string{"IP white list", appA, `"level":"wrong"`}) {
		t.Errorf("exit code %d, %q", out.code, out.stdout)
	}
}
