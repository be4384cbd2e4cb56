// world_test.go: the built gateway with a relay, and a simulated WeChat.

package sdk

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/tools/internal/child"
)

const (
	appMini     = "wx00000000000000aa"
	appOfficial = "wx00000000000000cc"
	relayKey    = "relay-key-0123456789abcdef"
)

type world struct{ relay, sim string }

func startWorld(t *testing.T) world {
	t.Helper()
	relay, sim := freePort(t), freePort(t)
	dir := t.TempDir()
	start(t, dir, "wechatsim", sim, "-listen", sim, "-app", appMini+":secret-aa", "-app", appOfficial+":secret-cc:official")
	_, port, _ := net.SplitHostPort(relay)
	caddyfile := `{
		admin off
		persist_config off
		auto_https off
		default_bind 127.0.0.1
		storage file_system storage
		wechat {
			app ` + appMini + ` secret-aa
			app ` + appOfficial + ` secret-cc official
			api_base http://` + sim + `
			store memory
		}
	}
	http://:` + port + ` {
		wechat_api {
			key ` + relayKey + `
		}
	}`
	home := filepath.Join(dir, "caddy")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "Caddyfile"), []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, home, "caddy", relay, "run", "--config", "Caddyfile", "--adapter", "caddyfile")
	return world{relay: "http://" + relay, sim: "http://" + sim}
}

// start runs one of the built programs until the test ends.
func start(t *testing.T, dir, program, address string, args ...string) {
	t.Helper()
	bin := os.Getenv("CADDY_WECHAT_TEST_BIN")
	if bin == "" {
		bin = "../../bin"
	}
	path, err := filepath.Abs(filepath.Join(bin, program))
	if err != nil {
		t.Fatal(err)
	}
	c, err := child.Start(dir, program, append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir), path, args...)
	if err != nil {
		t.Fatalf("%v (make build makes it)", err)
	}
	t.Cleanup(func() { c.End() })
	if err := c.Listens(t.Context(), address); err != nil {
		t.Fatal(err)
	}
}

// dies makes WeChat say, once, that the access_token of the next call of a path is dead.
func (w world) dies(t *testing.T, path string) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"path": path, "errcode": 40001})
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(w.sim+"/sim/fault", "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("the simulator: %s", response.Status)
	}
}

// done is how many calls of a path the simulated WeChat has done, and how many of them again.
func (w world) done(t *testing.T, path string) (answer struct{ Count, Repeated int }) {
	t.Helper()
	response, err := http.Get(w.sim + "/sim/received?path=" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// picture is a file that a phone could have sent.
func picture(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "picture.png")
	if err := os.WriteFile(path, []byte("\x89PNG\r\n\x1a\n0000000000000000"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
