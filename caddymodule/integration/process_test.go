// process_test.go: the gateway as a process: what it writes and keeps when the
// secret comes from the environment, and how it ends.

package integration

import (
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// The README's way: {$WECHAT_SECRET} in the Caddyfile, the key in a file. The
// process has good logins and bad, WeChat out of order, numbers, data, an
// operator with commands; it is asked for its whole configuration and its
// metrics; then it is ended while a login waits for WeChat (M10). That login is
// answered, the exit code is 0, and none of the secrets is anywhere: not in
// what the process wrote, not in an answer, not in its files.
func TestProcess(t *testing.T) {
	path, key := gatewaytest.KeyFile(t, "HS256")
	secrets := make(gatewaytest.Hoard)
	secrets.Keep("app secret", gatewaytest.SecretA)
	secrets.Keep("signing key", hex.EncodeToString(key.([]byte)))
	secrets.Keep("signing key's bytes", string(key.([]byte)))
	secrets.Keep("signing key in base64", base64.RawStdEncoding.EncodeToString(key.([]byte)))

	// the addresses and the clients of a gateway that then makes room
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	gw.HangUp()
	gw.Admin = gatewaytest.FreeAddr(t) // Caddy's own admin endpoint outlives Stop
	text := gw.Caddyfile(gatewaytest.Setup{Wechat: gatewaytest.InMemory + gatewaytest.TokenBlock("HS256", path), Admin: true, Global: "metrics"})
	text = strings.ReplaceAll(text, gatewaytest.SecretA, "{$WECHAT_SECRET}")
	text = strings.Replace(text, "output file "+gw.Dir+"/log.json {\n\t\t\t\troll_disabled\n\t\t\t}", "output stderr", 1)
	config := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := gatewaytest.CaddyCommand(t, "run", "--config", config, "--adapter", "caddyfile")
	data := t.TempDir()
	cmd.Env = append(cmd.Env, "WECHAT_SECRET="+gatewaytest.SecretA, "XDG_DATA_HOME="+data, "XDG_CONFIG_HOME="+data)
	var written gatewaytest.LockedBuffer
	cmd.Stdout, cmd.Stderr = &written, &written
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill() })
	gatewaytest.Await(t, "the process to serve", func() bool {
		got, err := gw.H1.Try(gatewaytest.Call{Target: "/wechat/nothing"})
		return err == nil && got.Status == http.StatusNotFound
	})

	var answers strings.Builder
	tell := func(got gatewaytest.Reply) gatewaytest.Reply {
		for name, values := range got.Header {
			answers.WriteString(name + ": " + strings.Join(values, ", ") + "\n")
		}
		answers.WriteString(got.Body + "\n")
		return got
	}
	for _, f := range []wechattest.Fault{{}, {ErrCode: 40029}, {ErrCode: 40125}, {ErrCode: 40164}, {Drop: true}, {Status: 302}, {}} {
		if f != (wechattest.Fault{}) {
			f.Path = wechattest.PathCode2Session
			gatewaytest.Fault(t, gw, f)
		}
		code := secrets.Keep("code", gw.Sim.Login(gatewaytest.AppA, gatewaytest.Alice))
		got := gw.H1.Do(t, gatewaytest.LoginWith(code))
		if got.Status == 200 {
			secrets.Keep("token", gatewaytest.JSON(t, got)["token"].(string)) // the login's own answer may hold it
		} else {
			tell(got)
		}
	}
	secrets.Keep("session key", gw.Sim.SessionKey(gatewaytest.AppA, gatewaytest.Alice))
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	secrets.Keep("token", token)
	for _, target := range []string{"/api", "/wechat/session", "/wechat/session?check=wechat", "/wechat/jwks.json"} {
		tell(gw.H1.Do(t, gatewaytest.Call{Target: target, Token: token}))
	}
	phone := gatewaytest.PhoneOn(t, gw, gatewaytest.Alice)
	secrets.Keep("phone code", phone.Code)
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathGetUserPhoneNumber, ErrCode: 42001})
	for range 2 {
		tell(gw.H1.Do(t, gatewaytest.Post("/wechat/phone", token, gatewaytest.Members{"code": phone.Code})))
	}
	tell(gw.H1.Do(t, gatewaytest.Post("/wechat/userinfo", token, gatewaytest.UserInfoOf(t, gw, gatewaytest.Alice))))
	tell(gw.H1.Do(t, gatewaytest.Post("/wechat/opendata", token, gatewaytest.Members{"encryptedData": "AAAA", "iv": "AAAA"})))
	for _, seen := range gw.Upstream.Requests() {
		secrets.Search(t, "the upstream's request", seen.Raw)
	}
	for _, target := range []string{"/config/", "/metrics", "/wechat/health", "/wechat/keys", "/wechat/sessions?appid=" + gatewaytest.AppA + "&openid=" + gatewaytest.Alice, "/wechat/sessions/" + gatewaytest.SessionID(t, token)} {
		got := tell(gw.Ask(t, "GET", target))
		if target == "/config/" && !strings.Contains(got.Body, "{env.WECHAT_SECRET}") {
			t.Error("/config/ does not name the variable")
		}
	}
	for _, args := range [][]string{{"sessions", gatewaytest.SessionID(t, token)}, {"keys"}, {"keys", "rotate"}} {
		out := gw.Wechat(t, args...)
		answers.WriteString(out.Stdout + out.Stderr)
	}
	tell(gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout?reset=true", Token: token}))
	secrets.Keep("session key", gw.Sim.SessionKey(gatewaytest.AppA, gatewaytest.Alice))

	gw.Sim.ResetCalls()
	gatewaytest.Fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, Delay: 700 * time.Millisecond})
	inFlight := make(chan gatewaytest.Reply, 1)
	go func() {
		got, _ := gw.Fresh().Try(gatewaytest.LoginCall(gw, gatewaytest.AppA, gatewaytest.Eve))
		inFlight <- got
	}()
	gatewaytest.Await(t, "a login at WeChat", func() bool { return gw.Sim.CountCalls(wechattest.PathCode2Session) == 1 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	gatewaytest.RequireStatus(t, <-inFlight, 200)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the process ended with %v", err)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("the process does not end")
	}

	for _, c := range gw.Sim.Calls() {
		if v := c.Query.Get("access_token"); v != "" {
			secrets.Keep("access token", v)
		}
	}
	log := written.String()
	if strings.Count(log, `"msg":"login"`) < 8 || !strings.Contains(log, `"level":"debug"`) {
		t.Error("the process has not logged what it did")
	}
	secrets.Search(t, "the log", log)
	secrets.Search(t, "an answer", answers.String())
	for _, dir := range []string{data, gw.Dir} {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			secrets.Search(t, "the file "+entry.Name(), path+string(content))
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
