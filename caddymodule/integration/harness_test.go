// harness_test.go: one real Caddy in this process, between real clients and an
// upstream that keeps every byte.

// Package integration holds the tests that need the whole gateway: a Caddyfile,
// sockets, every HTTP version, a simulated WeChat, and a backend whose verdict
// is the raw bytes that reached it. It has no product code.
//
// A test starts a gateway, logs somebody in, asks something, and looks at what
// the upstream saw:
//
//	gw := start(t, setup{Auth: "wechat_auth {\n public /public/*\n}"})
//	token := login(t, gw, alice)
//	got := gw.h1.do(t, call{Target: "/me", Token: token})
//	requireStatus(t, got, 200)
//	requireIdentity(t, gw.up.only(t), alice)
//
// Caddy has one configuration per process, so these tests do not call t.Parallel.
package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-wechat/caddy-wechat/caddymodule"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/freeport"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

const (
	appA, secretA = "wx00000000000000aa", "secret-of-app-a-5eb63bbbe01eeed0"
	appB, secretB = "wx00000000000000bb", "secret-of-app-b-93cb22bb8f5acdc3"
	alice         = "oAlice0000000000000000000000"
	eve           = "oEve000000000000000000000000"
)

var secrets = map[string]string{appA: secretA, appB: secretB}

// setup says what is in the Caddyfile of a gateway; the zero value is the three
// lines of the README. All texts are Caddyfile; these words are replaced:
// <HTTP> and <HTTPS> (host:port of the two sites), <HTTPPORT>, <HTTPSPORT>,
// <UPSTREAM> (host:port), <SIM> (URL), <DIR> (a directory of the test).
type setup struct {
	Auth   string             // the site's wechat_auth lines. Default: "wechat_auth"
	Site   string             // the whole body of the site. Default: Auth, then reverse_proxy to the upstream
	Sites  string             // further site blocks
	Wechat string             // further lines of the global option wechat
	Global string             // further global options
	Server string             // further lines of the global option servers
	Apps   []string           // the mini programs, of secrets. Default: appA
	Admin  bool               // whether the admin API listens, at gateway.Admin. Default: off
	Sim    wechattest.Options // how the simulator plays. Its Apps default to secrets
}

// gateway is a running Caddy with everything around it.
type gateway struct {
	HTTP, HTTPS string // host:port of the site, in clear (HTTP/1.1, h2c) and over TLS (HTTP/1.1, 2, 3)
	Admin       string // host:port of the admin API, if it was asked for
	Dir         string // storage, log and key files

	up     *upstream
	sim    *wechattest.Server
	simURL string

	h1, h2, h2c, h3 *client
}

// running holds while a gateway runs: Caddy has one configuration per process.
var running bool

// start runs a gateway until the test ends. A test that needs several, one
// after the other, starts each in a subtest.
func start(t *testing.T, s setup) *gateway {
	t.Helper()
	countTest(t)
	if running {
		t.Fatal("another gateway is running: start each in its own subtest")
	}
	running = true
	gw := &gateway{Dir: t.TempDir(), up: newUpstream(t)}
	if s.Sim.Apps == nil {
		s.Sim.Apps = secrets
	}
	certificate().write(t, gw.Dir)
	gw.sim = wechattest.New(s.Sim)
	sim := httptest.NewServer(gw.sim)
	gw.simURL = sim.URL
	t.Cleanup(sim.Close)
	t.Cleanup(func() {
		gw.awaitTunnels()
		if s.Admin { // the admin endpoint outlives Stop, but not a configuration without it
			if err := caddy.Load([]byte(`{"admin":{"disabled":true,"config":{"persist":false}}}`), true); err != nil {
				t.Errorf("ending the admin endpoint: %v", err)
			}
		}
		if err := caddy.Stop(); err != nil {
			t.Errorf("stopping Caddy: %v", err)
		}
		running = false
	})

	var err error
	for range 5 { // a free port may be taken before Caddy listens on it
		gw.HTTP, gw.HTTPS, gw.Admin = freeAddr(t), freeAddr(t), freeAddr(t)
		if err = gw.load(s); err == nil || !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	if err != nil {
		t.Fatalf("loading Caddy: %v\n%s", err, gw.caddyfile(s))
	}
	gw.makeClients(t)
	gw.awaitTLS(t)
	return gw
}

// load puts a configuration in force, on the same addresses and the same
// storage: after start it is a reload.
func (gw *gateway) load(s setup) error {
	config, err := adapt(gw.caddyfile(s))
	if err != nil {
		return err
	}
	return caddy.Load(config, true)
}

// adapt turns a Caddyfile into JSON. Its warnings are errors here.
func adapt(text string) ([]byte, error) {
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	for _, w := range warnings {
		if !strings.Contains(w.Message, "not formatted") {
			return nil, errors.New(w.String())
		}
	}
	return config, err
}

func (gw *gateway) caddyfile(s setup) string {
	if s.Auth == "" {
		s.Auth = "wechat_auth"
	}
	if s.Site == "" {
		s.Site = s.Auth + "\nreverse_proxy <UPSTREAM>"
	}
	if len(s.Apps) == 0 {
		s.Apps = []string{appA}
	}
	for _, app := range s.Apps {
		s.Wechat = fmt.Sprintf("app %s %s\n", app, secrets[app]) + s.Wechat
	}
	admin := "off"
	if s.Admin {
		admin = gw.Admin
	}
	text := `{
		admin ` + admin + `
		persist_config off
		skip_install_trust
		auto_https disable_redirects
		grace_period 2s
		default_bind 127.0.0.1
		storage file_system <DIR>/storage
		log default {
			level DEBUG
			format json
			output file <DIR>/log.json {
				roll_disabled
			}
		}
		servers {
			protocols h1 h2 h2c h3
			` + s.Server + `
		}
		` + s.Global + `
		wechat {
			api_base <SIM>
			` + s.Wechat + `
		}
	}
	http://<HTTP> {
		log
		` + s.Site + `
	}
	https://<HTTPS> {
		log
		tls <DIR>/cert.pem <DIR>/key.pem
		` + s.Site + `
	}
	` + s.Sites
	return gw.fill(text)
}

// fill replaces the words of setup in a text.
func (gw *gateway) fill(text string) string {
	port := func(addr string) string { _, p, _ := net.SplitHostPort(addr); return p }
	return strings.NewReplacer(
		"<HTTP>", gw.HTTP, "<HTTPS>", gw.HTTPS, "<HTTPPORT>", port(gw.HTTP), "<HTTPSPORT>", port(gw.HTTPS),
		"<UPSTREAM>", gw.up.Addr, "<SIM>", gw.simURL, "<DIR>", gw.Dir,
	).Replace(text)
}

// logs is everything that Caddy has logged, access logs included, at DEBUG.
func (gw *gateway) logs(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(gw.Dir, "log.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// awaitLog returns the first log line that holds all the texts, waiting for it.
func (gw *gateway) awaitLog(t *testing.T, texts ...string) (line map[string]any) {
	t.Helper()
	await(t, "a log line with "+strings.Join(texts, " and "), func() bool {
		for entry := range strings.Lines(gw.logs(t)) {
			if containsAll(entry, texts) && json.Unmarshal([]byte(entry), &line) == nil {
				return true
			}
		}
		return false
	})
	return line
}

// awaitTunnels waits, for some seconds, until the proxy has let go of every
// WebSocket whose client is gone. Stopping Caddy v2.11.9 before that is a data
// race of its own: it writes a close frame to connections that are being copied.
func (gw *gateway) awaitTunnels() {
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		log, _ := os.ReadFile(filepath.Join(gw.Dir, "log.json"))
		if bytes.Count(log, []byte(`"upgrading connection"`)) <= bytes.Count(log, []byte(`"connection closed"`)) {
			return
		}
	}
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// await polls until the condition holds, and fails the test after 10 seconds.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// login logs a user of appA in and returns the token.
func login(t *testing.T, gw *gateway, openid string) string {
	t.Helper()
	return loginApp(t, gw, appA, openid)
}

// loginApp logs a user of an app in, at the endpoint /wechat/login.
func loginApp(t *testing.T, gw *gateway, appid, openid string) string {
	t.Helper()
	got := gw.h1.do(t, loginCall(gw, appid, openid))
	var answer struct{ Token, OpenID string }
	if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || got.Status != http.StatusOK || answer.OpenID != openid {
		t.Fatalf("login of %s: %d %s", openid, got.Status, got.Body)
	}
	return answer.Token
}

// loginCall is a login with a fresh code.
func loginCall(gw *gateway, appid, openid string) call {
	body := fmt.Sprintf(`{"code":%q,"appid":%q}`, gw.sim.Login(appid, openid), appid)
	return call{Method: "POST", Target: "/wechat/login", Body: body, Header: header("Content-Type", "application/json")}
}

// freeAddr returns an address of localhost whose port is free for TCP and UDP.
func freeAddr(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("localhost:%d", freeport.Take(t))
}

// simWithoutUnionID plays apps that are not bound to an Open Platform account.
func simWithoutUnionID() wechattest.Options { return wechattest.Options{NoUnionID: true} }
