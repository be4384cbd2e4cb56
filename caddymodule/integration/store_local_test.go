// store_local_test.go: the store local in a whole gateway: validating beside it,
// a second gateway on its file, reloads, health and numbers.

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

const inFile = "store local <DIR>/sessions.db\nlogin_rate off\n"

// beside writes the Caddyfile of a second gateway with the same storage, on ports
// of its own; it logs to standard error.
func beside(t *testing.T, gw *gatewaytest.Gateway, s gatewaytest.Setup) (config string) {
	t.Helper()
	second := *gw
	second.HTTP, second.HTTPS, second.Admin = gatewaytest.FreeAddr(t), gatewaytest.FreeAddr(t), gatewaytest.FreeAddr(t)
	text := strings.Replace(second.Caddyfile(s), "output file "+gw.Dir+"/log.json {\n\t\t\t\troll_disabled\n\t\t\t}", "output stderr", 1)
	config = filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

// An operator validates the configuration of the gateway that is running, and
// then starts it a second time by mistake.
func TestLocalValidateAndSecondGateway(t *testing.T) {
	s := gatewaytest.Setup{Wechat: inFile, Admin: true}
	gw := gatewaytest.Start(t, s)
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	config := beside(t, gw, s)
	for _, command := range []string{"validate", "adapt --validate"} {
		args := append(strings.Fields(command), "--config", config, "--adapter", "caddyfile")
		if got := gatewaytest.RunCaddy(t, "", args...); got.Code != 0 {
			t.Errorf("caddy %s: exit code %d, %s", command, got.Code, got.Stderr)
		}
	}
	second := gatewaytest.CaddyCommand(t, "run", "--config", config, "--adapter", "caddyfile")
	timer := time.AfterFunc(30*time.Second, func() { second.Process.Kill() })
	defer timer.Stop()
	said, err := second.CombinedOutput()
	if err == nil || !gatewaytest.ContainsAll(string(said), []string{"another process has it open", gw.Dir + "/sessions.db", "store redis"}) {
		t.Errorf("caddy run: %v, %s; want an error that names the file and the way out", err, said)
	}
	gatewaytest.RequireAlive(t, gw, token, true)
	gatewaytest.RequireAlive(t, gw, gatewaytest.Login(t, gw, gatewaytest.Eve), true)

	gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: inFile + "api_timeout 4s\n", Admin: true}) // of the running process: the file stays open
	gatewaytest.RequireAlive(t, gw, token, true)
}

// A file that cannot be had keeps a configuration from being loaded; the one that
// is running stays, as does what is in the file.
func TestLocalBadReload(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: inFile})
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	foreign := filepath.Join(gw.Dir, "foreign.db")
	if err := os.WriteFile(foreign, []byte("a text, and no session file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"<DIR>/foreign.db":       "not a session file",
		"<DIR>/foreign.db/below": "not a directory",
		"<DIR>":                  "not a session file",
	} {
		for range 3 {
			if err := gw.Load(gatewaytest.Setup{Wechat: "store local " + file + "\n"}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v; want an error with %q", file, err, want)
			}
		}
		gw.HangUp()
		gatewaytest.RequireAlive(t, gw, token, true)
	}
	if b, err := os.ReadFile(foreign); err != nil || string(b) != "a text, and no session file" {
		t.Errorf("the foreign file is %q, %v", b, err)
	}
	gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: inFile})
	gatewaytest.RequireAlive(t, gw, token, true)
}

// What an operator sees of the file: sessions by app, and a health that finds it
// gone.
func TestLocalMetricsAndHealth(t *testing.T) {
	s := gatewaytest.Setup{Wechat: inFile, Admin: true, Apps: []string{gatewaytest.AppA, gatewaytest.AppB}, Auth: "wechat_auth {\n app *\n}", Global: "metrics"}
	gw := gatewaytest.Start(t, s)
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	gatewaytest.Login(t, gw, gatewaytest.Eve)
	gatewaytest.LoginApp(t, gw, gatewaytest.AppB, gatewaytest.Alice)
	requireSessions := func(a, b string) {
		t.Helper()
		all := gatewaytest.Series(t, gw)
		for app, want := range map[string]string{gatewaytest.AppA: a, gatewaytest.AppB: b} {
			if have := all[`caddy_wechat_sessions{appid="`+app+`"}`]; have != want {
				t.Errorf("%q sessions of app %s, want %s", have, app, want)
			}
		}
	}
	requireSessions("2", "1")
	gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token}), 204)
	requireSessions("1", "1")
	gatewaytest.Reload(t, gw, s)
	requireSessions("1", "1")

	requireHealth := func(status int, store string) {
		t.Helper()
		if got := gw.Ask(t, "GET", "/wechat/health"); got.Status != status || !strings.HasPrefix(got.Body, "store: "+store) {
			t.Errorf("health is %d %q, want %d, store: %s", got.Status, got.Body, status, store)
		}
	}
	file := filepath.Join(gw.Dir, "sessions.db")
	requireHealth(200, "ok\n")
	if err := os.Rename(file, file+".aside"); err != nil {
		t.Fatal(err)
	}
	requireHealth(503, "session file "+file+": it was removed")
	if err := os.Rename(file+".aside", file); err != nil {
		t.Fatal(err)
	}
	requireHealth(200, "ok\n")
}
