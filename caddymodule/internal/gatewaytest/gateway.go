// gateway.go: one real Caddy in this process, between real clients and an
// upstream that keeps every byte.

// Package gatewaytest is the harness of the tests that need the whole gateway: a
// Caddyfile, sockets, every HTTP version, a simulated WeChat, and a backend whose verdict
// is the raw bytes that reached it. Only tests import it.
//
// A test starts a gateway, logs somebody in, asks something, and looks at what
// the upstream saw:
//
//	gw := gatewaytest.Start(t, gatewaytest.Setup{Auth: "wechat_auth {\n public /public/*\n}"})
//	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
//	got := gw.H1.Do(t, gatewaytest.Call{Target: "/me", Token: token})
//	gatewaytest.RequireStatus(t, got, 200)
//	gatewaytest.RequireIdentity(t, gw.Upstream.Only(t), gatewaytest.Alice)
//
// Caddy has one configuration per process, so these tests do not call t.Parallel. A
// package with such tests has a TestMain that calls Main. With -short they are skipped.
//
// For less than a gateway there are Config, Provision and Load: modules, provisioned
// from JSON.
package gatewaytest

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
	AppA, SecretA = "wx00000000000000aa", "secret-of-app-a-5eb63bbbe01eeed0"
	AppB, SecretB = "wx00000000000000bb", "secret-of-app-b-93cb22bb8f5acdc3"
	Alice         = "oAlice0000000000000000000000"
	Eve           = "oEve000000000000000000000000"
)

// Secrets are those of the apps, by AppID.
var Secrets = map[string]string{AppA: SecretA, AppB: SecretB}

// Setup says what is in the Caddyfile of a gateway; the zero value is the three
// lines of the README. All texts are Caddyfile; these words are replaced:
// <HTTP> and <HTTPS> (host:port of the two sites), <HTTPPORT>, <HTTPSPORT>,
// <UPSTREAM> (host:port), <SIM> (URL), <DIR> (a directory of the test).
type Setup struct {
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

// Gateway is a running Caddy with everything around it.
type Gateway struct {
	HTTP, HTTPS string // host:port of the site, in clear (HTTP/1.1, h2c) and over TLS (HTTP/1.1, 2, 3)
	Admin       string // host:port of the admin API, if it was asked for
	Dir         string // storage, log and key files

	Upstream *Upstream
	Sim      *wechattest.Server
	SimURL   string

	H1, H2, H2C, H3 *Client
}

// running holds while a gateway runs: Caddy has one configuration per process.
var running bool

// Start runs a gateway until the test ends. A test that needs several, one
// after the other, starts each in a subtest.
func Start(t *testing.T, s Setup) *Gateway {
	t.Helper()
	CountTest(t)
	if running {
		t.Fatal("another gateway is running: start each in its own subtest")
	}
	running = true
	gw := &Gateway{Dir: t.TempDir(), Upstream: newUpstream(t)}
	if s.Sim.Apps == nil {
		s.Sim.Apps = Secrets
	}
	certificate().write(t, gw.Dir)
	gw.Sim = wechattest.New(s.Sim)
	sim := httptest.NewServer(gw.Sim)
	gw.SimURL = sim.URL
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
		gw.HTTP, gw.HTTPS, gw.Admin = FreeAddr(t), FreeAddr(t), FreeAddr(t)
		if err = gw.Load(s); err == nil || !strings.Contains(err.Error(), "address already in use") {
			break
		}
	}
	if err != nil {
		t.Fatalf("loading Caddy: %v\n%s", err, gw.Caddyfile(s))
	}
	gw.makeClients(t)
	gw.awaitTLS(t)
	return gw
}

// Load puts a configuration in force, on the same addresses and the same
// storage: after start it is a reload.
func (gw *Gateway) Load(s Setup) error {
	config, err := Adapt(gw.Caddyfile(s))
	if err != nil {
		return err
	}
	if config, err = settled(config); err != nil {
		return err
	}
	return caddy.Load(config, true)
}

// Adapt turns a Caddyfile into JSON. Its warnings are errors here.
func Adapt(text string) ([]byte, error) {
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	for _, w := range warnings {
		if !strings.Contains(w.Message, "not formatted") {
			return nil, errors.New(w.String())
		}
	}
	return config, err
}

// Caddyfile is the text that a setup stands for.
func (gw *Gateway) Caddyfile(s Setup) string {
	if s.Auth == "" {
		s.Auth = "wechat_auth"
	}
	if s.Site == "" {
		s.Site = s.Auth + "\nreverse_proxy <UPSTREAM>"
	}
	if len(s.Apps) == 0 {
		s.Apps = []string{AppA}
	}
	for _, app := range s.Apps {
		s.Wechat = fmt.Sprintf("app %s %s\n", app, Secrets[app]) + s.Wechat
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
	return gw.Fill(text)
}

// Fill replaces the words of setup in a text.
func (gw *Gateway) Fill(text string) string {
	port := func(addr string) string { _, p, _ := net.SplitHostPort(addr); return p }
	return strings.NewReplacer(
		"<HTTP>", gw.HTTP, "<HTTPS>", gw.HTTPS, "<HTTPPORT>", port(gw.HTTP), "<HTTPSPORT>", port(gw.HTTPS),
		"<UPSTREAM>", gw.Upstream.Addr, "<SIM>", gw.SimURL, "<DIR>", gw.Dir,
	).Replace(text)
}

// Logs is everything that Caddy has logged, access logs included, at DEBUG.
func (gw *Gateway) Logs(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(gw.Dir, "log.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// AwaitLog returns the first log line that holds all the texts, waiting for it.
func (gw *Gateway) AwaitLog(t *testing.T, texts ...string) (line map[string]any) {
	t.Helper()
	Await(t, "a log line with "+strings.Join(texts, " and "), func() bool {
		for entry := range strings.Lines(gw.Logs(t)) {
			if ContainsAll(entry, texts) && json.Unmarshal([]byte(entry), &line) == nil {
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
func (gw *Gateway) awaitTunnels() {
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		log, _ := os.ReadFile(filepath.Join(gw.Dir, "log.json"))
		if bytes.Count(log, []byte(`"upgrading connection"`)) <= bytes.Count(log, []byte(`"connection closed"`)) {
			return
		}
	}
}

// ContainsAll reports whether a text holds all the parts.
func ContainsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// Await polls until the condition holds, and fails the test after 10 seconds.
func Await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Login logs a user of appA in and returns the token.
func Login(t *testing.T, gw *Gateway, openid string) string {
	t.Helper()
	return LoginApp(t, gw, AppA, openid)
}

// LoginApp logs a user of an app in, at the endpoint /wechat/login.
func LoginApp(t *testing.T, gw *Gateway, appid, openid string) string {
	t.Helper()
	got := gw.H1.Do(t, LoginCall(gw, appid, openid))
	var answer struct{ Token, OpenID string }
	if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || got.Status != http.StatusOK || answer.OpenID != openid {
		t.Fatalf("login of %s: %d %s", openid, got.Status, got.Body)
	}
	return answer.Token
}

// LoginCall is a login with a fresh code.
func LoginCall(gw *Gateway, appid, openid string) Call {
	body := fmt.Sprintf(`{"code":%q,"appid":%q}`, gw.Sim.Login(appid, openid), appid)
	return Call{Method: "POST", Target: "/wechat/login", Body: body, Header: Header("Content-Type", "application/json")}
}

// FreeAddr returns an address of localhost whose port is free for TCP and UDP.
func FreeAddr(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("localhost:%d", freeport.Take(t))
}

// SimWithoutUnionID plays apps that are not bound to an Open Platform account.
func SimWithoutUnionID() wechattest.Options { return wechattest.Options{NoUnionID: true} }
