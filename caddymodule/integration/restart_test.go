// restart_test.go: the three lines of the README, as a process that is stopped,
// or killed, and started again: who was logged in still is, who logged out is out.

package integration

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// process is a gateway in a process of its own.
type process struct {
	*exec.Cmd
	written gatewaytest.LockedBuffer
	ended   chan error
}

// launch runs `caddy run` until it serves at the addresses of gw. data is its
// home: Caddy's data directory is in it.
func launch(t *testing.T, gw *gatewaytest.Gateway, config, data string) *process {
	t.Helper()
	p := &process{Cmd: gatewaytest.CaddyCommand(t, "run", "--config", config, "--adapter", "caddyfile"), ended: make(chan error, 1)}
	p.Env = append(p.Env, "XDG_DATA_HOME="+data, "XDG_CONFIG_HOME="+data)
	p.Stdout, p.Stderr = &p.written, &p.written
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.Wait() }()
	t.Cleanup(func() { p.Process.Kill() })
	gatewaytest.Await(t, "the process to serve", func() bool {
		select {
		case err := <-p.ended:
			t.Fatalf("the process ended with %v: %s", err, p.written.String())
		default:
		}
		got, err := gw.H1.Try(gatewaytest.Call{Target: "/wechat/nothing"})
		return err == nil && got.Status == http.StatusNotFound
	})
	return p
}

// stop ends the process by a signal and waits for its end.
func (p *process) stop(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := p.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(15 * time.Second):
		t.Fatalf("the process does not end by %v", signal)
	}
}

// requireSession asks over HTTP/1.1 alone: a client that speaks QUIC does not
// learn that the process at the other end was killed.
func requireSession(t *testing.T, gw *gatewaytest.Gateway, token string, want bool) {
	t.Helper()
	if have := gatewaytest.Alive(t, gw, token); have != want {
		t.Errorf("the session is alive: %v, want %v", have, want)
	}
}

func TestRestartKeepsSessions(t *testing.T) {
	for _, tt := range []struct {
		name   string
		signal os.Signal
		file   string // of sessions: <DIR> is the storage's, <DATA> is the home's
	}{
		{"stop", syscall.SIGTERM, "<DIR>/storage/wechat/sessions.db"},
		{"kill", syscall.SIGKILL, "<DIR>/storage/wechat/sessions.db"},
		{"stop without storage", syscall.SIGTERM, "<DATA>/caddy/wechat/sessions.db"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// the addresses and the clients of a gateway that then makes room
			gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: "store memory\n"})
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
			gw.HangUp()
			data := t.TempDir()
			text := gw.Caddyfile(gatewaytest.Setup{})
			if strings.Contains(tt.file, "<DATA>") {
				text = strings.Replace(text, "storage file_system "+gw.Dir+"/storage\n", "", 1)
			}
			config := filepath.Join(t.TempDir(), "Caddyfile")
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}

			p := launch(t, gw, config, data)
			stays, code := gatewaytest.Login(t, gw, gatewaytest.Alice), gw.Sim.Login(gatewaytest.AppA, gatewaytest.Eve)
			got := gw.H1.Do(t, gatewaytest.LoginWith(code))
			gatewaytest.RequireStatus(t, got, 200)
			leaves := gatewaytest.JSON(t, got)["token"].(string)
			for range 2 {
				p.stop(t, tt.signal)
				gw.HangUp()
				p = launch(t, gw, config, data)
				requireSession(t, gw, stays, true)
			}
			requireSession(t, gw, leaves, true)
			gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: leaves}), 204)
			p.stop(t, tt.signal)
			gw.HangUp()
			p = launch(t, gw, config, data)
			requireSession(t, gw, stays, true)
			requireSession(t, gw, leaves, false)
			gw.Sim.ResetCalls()
			gatewaytest.RequireProblem(t, gw.H1.Do(t, gatewaytest.LoginWith(code)), 400, "invalid_grant")
			gatewaytest.RequireCalls(t, gw, wechattest.PathCode2Session, 0)
			p.stop(t, syscall.SIGTERM)
			gw.HangUp()

			file := strings.NewReplacer("<DIR>", gw.Dir, "<DATA>", data).Replace(tt.file)
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the session file: %v", err)
			}
		})
	}
}
