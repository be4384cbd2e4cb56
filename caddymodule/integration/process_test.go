// process_test.go: the gateway as a process: what it writes and keeps when the
// secret comes from the environment, and how it ends.

package integration

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// hoard is everything that must not be found, by what it is.
type hoard map[string]string

// keep notes a text that must not be found, in the ways it could be written.
func (h hoard) keep(what, text string) string {
	h[text] = what
	h[base64.RawStdEncoding.EncodeToString([]byte(text))] = what + " in base64"
	h[hex.EncodeToString([]byte(text))] = what + " in hex"
	if escaped := strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(text); escaped != text {
		h[escaped] = what + " in a URL"
	}
	return text
}

// search fails if a text holds any of it. It does not show what it found.
func (h hoard) search(t *testing.T, where, text string) {
	t.Helper()
	for secret, what := range h {
		if strings.Contains(text, secret) {
			t.Errorf("%s: holds the %s", where, what)
		}
	}
}

// The README's way: {$WECHAT_SECRET} in the Caddyfile, the key in a file. The
// process has good logins and bad, WeChat out of order, numbers, data, an
// operator with commands; it is asked for its whole configuration and its
// metrics; then it is ended while a login waits for WeChat (M10). That login is
// answered, the exit code is 0, and none of the secrets is anywhere: not in
// what the process wrote, not in an answer, not in its files.
func TestProcess(t *testing.T) {
	path, key := keyFile(t, "HS256")
	secrets := make(hoard)
	secrets.keep("app secret", secretA)
	secrets.keep("signing key", hex.EncodeToString(key.([]byte)))
	secrets.keep("signing key's bytes", string(key.([]byte)))
	secrets.keep("signing key in base64", base64.RawStdEncoding.EncodeToString(key.([]byte)))

	// the addresses and the clients of a gateway that then makes room
	gw := startAdmin(t, setup{Wechat: inMemory, Admin: true})
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	gw.hangUp()
	gw.Admin = freeAddr(t) // Caddy's own admin endpoint outlives Stop
	text := gw.caddyfile(setup{Wechat: inMemory + tokenBlock("HS256", path), Admin: true, Global: "metrics"})
	text = strings.ReplaceAll(text, secretA, "{$WECHAT_SECRET}")
	text = strings.Replace(text, "output file "+gw.Dir+"/log.json {\n\t\t\t\troll_disabled\n\t\t\t}", "output stderr", 1)
	config := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := caddyCommand(t, "run", "--config", config, "--adapter", "caddyfile")
	data := t.TempDir()
	cmd.Env = append(cmd.Env, "WECHAT_SECRET="+secretA, "XDG_DATA_HOME="+data, "XDG_CONFIG_HOME="+data)
	var written lockedBuffer
	cmd.Stdout, cmd.Stderr = &written, &written
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill() })
	await(t, "the process to serve", func() bool {
		got, err := gw.h1.try(call{Target: "/wechat/nothing"})
		return err == nil && got.Status == http.StatusNotFound
	})

	var answers strings.Builder
	tell := func(got reply) reply {
		for name, values := range got.Header {
			answers.WriteString(name + ": " + strings.Join(values, ", ") + "\n")
		}
		answers.WriteString(got.Body + "\n")
		return got
	}
	for _, f := range []wechattest.Fault{{}, {ErrCode: 40029}, {ErrCode: 40125}, {ErrCode: 40164}, {Drop: true}, {Status: 302}, {}} {
		if f != (wechattest.Fault{}) {
			f.Path = wechattest.PathCode2Session
			fault(t, gw, f)
		}
		code := secrets.keep("code", gw.sim.Login(appA, alice))
		got := gw.h1.do(t, loginWith(code))
		if got.Status == 200 {
			secrets.keep("token", object(t, got)["token"].(string)) // the login's own answer may hold it
		} else {
			tell(got)
		}
	}
	secrets.keep("session key", gw.sim.SessionKey(appA, alice))
	token := login(t, gw, alice)
	secrets.keep("token", token)
	for _, target := range []string{"/api", "/wechat/session", "/wechat/session?check=wechat", "/wechat/jwks.json"} {
		tell(gw.h1.do(t, call{Target: target, Token: token}))
	}
	phone := phoneOn(t, gw, alice)
	secrets.keep("phone code", phone.Code)
	fault(t, gw, wechattest.Fault{Path: wechattest.PathGetUserPhoneNumber, ErrCode: 42001})
	for range 2 {
		tell(gw.h1.do(t, post("/wechat/phone", token, members{"code": phone.Code})))
	}
	tell(gw.h1.do(t, post("/wechat/userinfo", token, infoOf(t, gw, alice))))
	tell(gw.h1.do(t, post("/wechat/opendata", token, members{"encryptedData": "AAAA", "iv": "AAAA"})))
	for _, seen := range gw.up.Requests() {
		secrets.search(t, "the upstream's request", seen.Raw)
	}
	for _, target := range []string{"/config/", "/metrics", "/wechat/health", "/wechat/keys", "/wechat/sessions?appid=" + appA + "&openid=" + alice, "/wechat/sessions/" + idOf(t, token)} {
		got := tell(gw.ask(t, "GET", target))
		if target == "/config/" && !strings.Contains(got.Body, "{env.WECHAT_SECRET}") {
			t.Error("/config/ does not name the variable")
		}
	}
	for _, args := range [][]string{{"sessions", idOf(t, token)}, {"keys"}, {"keys", "rotate"}} {
		out := gw.wechat(t, args...)
		answers.WriteString(out.stdout + out.stderr)
	}
	tell(gw.h1.do(t, call{Method: "POST", Target: "/wechat/logout?reset=true", Token: token}))
	secrets.keep("session key", gw.sim.SessionKey(appA, alice))

	gw.sim.ResetCalls()
	fault(t, gw, wechattest.Fault{Path: wechattest.PathCode2Session, Delay: 700 * time.Millisecond})
	inFlight := make(chan reply, 1)
	go func() {
		got, _ := gw.fresh().try(loginCall(gw, appA, eve))
		inFlight <- got
	}()
	await(t, "a login at WeChat", func() bool { return gw.sim.CountCalls(wechattest.PathCode2Session) == 1 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	requireStatus(t, <-inFlight, 200)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the process ended with %v", err)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("the process does not end")
	}

	for _, c := range gw.sim.Calls() {
		if v := c.Query.Get("access_token"); v != "" {
			secrets.keep("access token", v)
		}
	}
	log := written.String()
	if strings.Count(log, `"msg":"login"`) < 8 || !strings.Contains(log, `"level":"debug"`) {
		t.Error("the process has not logged what it did")
	}
	secrets.search(t, "the log", log)
	secrets.search(t, "an answer", answers.String())
	for _, dir := range []string{data, gw.Dir} {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			secrets.search(t, "the file "+entry.Name(), path+string(content))
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// lockedBuffer takes what a process writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
