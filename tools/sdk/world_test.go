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

	"github.com/caddy-wechat/caddy-wechat/tools/internal/built"
)

const (
	appMini     = "wx00000000000000aa"
	appOfficial = "wx00000000000000cc"
	relayKey    = "relay-key-0123456789abcdef"
)

type world struct{ relay, sim string }

func startWorld(t *testing.T) world {
	t.Helper()
	relay, sim := built.FreePort(t), built.FreePort(t)
	built.Start(t, t.TempDir(), "wechatsim", sim, "-listen", sim, "-app", appMini+":secret-aa", "-app", appOfficial+":secret-cc:official")
	_, port, _ := net.SplitHostPort(relay)
	built.Caddy(t, relay, `
		app `+appMini+` secret-aa
		app `+appOfficial+` secret-cc official
		api_base http://`+sim, `http://:`+port+` {
		wechat_api {
			key `+relayKey+`
		}
	}`)
	return world{relay: "http://" + relay, sim: "http://" + sim}
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
