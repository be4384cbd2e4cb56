// running_test.go: a configuration of a page on this machine: where its sites are, what they answer.

package docs

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// running is a configuration that was moved to this machine.
type running struct {
	tree  map[string]any
	sim   *wechattest.Server
	kinds map[string]session.Kind // of each app
	sites []endpoint
}

// endpoint is a route of the configuration that has one of our handlers.
type endpoint struct {
	addr, scheme, host string
	handlers           []string
	apps               []string // of its wechat_auth; empty: the only one
	errors             bool     // it words its refusals itself
	silent             bool     // it has no backend
}

// move gives a configuration free ports of the loopback interface, certificates that
// Caddy makes itself, a backend, and the simulator for WeChat.
func move(t *testing.T, config []byte) *running {
	t.Helper()
	r := &running{sim: wechattest.New(wechattest.Options{}), kinds: make(map[string]session.Kind)}
	wechat := httptest.NewServer(r.sim)
	t.Cleanup(wechat.Close)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		fmt.Fprintf(w, "hello %s%s, at %s", q.Header.Get("X-WeChat-OpenID"), q.Header.Get("X-WX-OPENID"), q.URL.Path)
	}))
	t.Cleanup(backend.Close)

	if err := json.Unmarshal(config, &r.tree); err != nil {
		t.Fatal(err)
	}
	r.tree["storage"] = map[string]any{"module": "file_system", "root": t.TempDir()}
	apps := r.tree["apps"].(map[string]any)
	app := apps["wechat"].(map[string]any)
	app["api_base"] = wechat.URL
	for _, a := range app["apps"].([]any) {
		a := a.(map[string]any)
		kind, _ := a["kind"].(string)
		r.kinds[a["appid"].(string)] = session.Kind(kind)
	}
	apps["tls"] = map[string]any{"automation": map[string]any{"policies": []any{
		map[string]any{"issuers": []any{map[string]any{"module": "internal"}}},
	}}}
	apps["pki"] = map[string]any{"certificate_authorities": map[string]any{"local": map[string]any{"install_trust": false}}}

	web := apps["http"].(map[string]any)
	httpsPort := freePort(t)
	web["http_port"], web["https_port"] = freePort(t), httpsPort
	for _, s := range web["servers"].(map[string]any) {
		server := s.(map[string]any)
		var addr string
		scheme := "http"
		for i, listen := range server["listen"].([]any) {
			port := freePort(t)
			if listen == ":443" {
				port, scheme = httpsPort, "https"
			}
			addr = fmt.Sprintf("127.0.0.1:%d", port)
			server["listen"].([]any)[i] = addr
		}
		dial(server, strings.TrimPrefix(backend.URL, "http://"))
		for _, route := range server["routes"].([]any) {
			r.find(route.(map[string]any), endpoint{addr: addr, scheme: scheme, errors: server["errors"] != nil})
		}
	}
	return r
}

// find notes the sites of a route of the top level: those with one of our handlers.
func (r *running) find(route map[string]any, s endpoint) {
	s.host, s.silent = s.addr, true
	if matches, ok := route["match"].([]any); ok {
		if hosts, ok := matches[0].(map[string]any)["host"].([]any); ok {
			s.host = hosts[0].(string)
		}
	}
	walk(route, func(node map[string]any) {
		name, _ := node["handler"].(string)
		if strings.HasPrefix(name, "wechat_") {
			s.handlers = append(s.handlers, name)
		}
		if name == "reverse_proxy" {
			s.silent = false
		}
		if apps, ok := node["apps"].([]any); ok && name == "wechat_auth" {
			for _, app := range apps {
				s.apps = append(s.apps, app.(string))
			}
		}
	})
	if len(s.handlers) > 0 {
		r.sites = append(r.sites, s)
	}
}

// walk visits every object below a value.
func walk(value any, visit func(map[string]any)) {
	switch value := value.(type) {
	case map[string]any:
		visit(value)
		for _, below := range value {
			walk(below, visit)
		}
	case []any:
		for _, below := range value {
			walk(below, visit)
		}
	}
}

// dial has every proxy below a value dial one backend.
func dial(value any, backend string) {
	walk(value, func(node map[string]any) {
		if _, ok := node["dial"].(string); ok {
			node["dial"] = backend
		}
	})
}

func (r *running) config(t *testing.T) []byte {
	t.Helper()
	text, err := json.Marshal(r.tree)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// check asks every site as a stranger, and those with logins as a user.
func (r *running) check(t *testing.T, ran *counts) {
	t.Helper()
	ran.started++
	if len(r.sites) == 0 {
		t.Fatal("no site has a directive of ours")
	}
	for _, s := range r.sites {
		if slices.Contains(s.handlers, "wechat_health") {
			if status, body := s.ask(t, "GET", "/", "", ""); status != 200 && status != 503 || !strings.Contains(body, "store") {
				t.Errorf("health: %d %s", status, body)
			}
			continue
		}
		status, body := s.ask(t, "GET", "/api/no-such-page", "", "")
		switch {
		case s.errors && strings.Contains(body, "hello , at /"): // a page of the backend's own
		case status != 401 || !strings.Contains(body, `"error"`):
			t.Errorf("%s lets a stranger in: %d %s", s.host, status, body)
		}
		ran.refused++
		if slices.Contains(s.handlers, "wechat_auth") {
			r.logIn(t, s, ran)
		}
	}
}

// logIn has a user log in and call the backend.
func (r *running) logIn(t *testing.T, s endpoint, ran *counts) {
	t.Helper()
	appid := ""
	for app := range r.kinds {
		if s.apps == nil || s.apps[0] == "*" || s.apps[0] == app {
			appid = app
		}
	}
	code := r.sim.Login(appid, "oExample")
	if kind := r.kinds[appid]; kind != "" && kind != "mini" {
		code = r.sim.OAuthCode(wechattest.OAuthLogin{AppID: appid, OpenID: "oExample", Scope: "snsapi_login"})
	}
	status, body := s.ask(t, "POST", "/wechat/login", "", fmt.Sprintf(`{"appid":%q,"code":%q}`, appid, code))
	if r.tree["apps"].(map[string]any)["wechat"].(map[string]any)["store"] != nil {
		if status != 503 {
			t.Errorf("%s: a login with a Redis that is not there: %d %s", s.host, status, body)
		}
		return
	}
	var answer struct{ Token, OpenID string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != 200 || answer.OpenID != "oExample" {
		t.Errorf("%s: login: %d %s", s.host, status, body)
		return
	}
	ran.loggedIn++
	status, body = s.ask(t, "GET", "/api/orders", answer.Token, "")
	if want := "hello oExample, at /api/orders"; !s.silent && (status != 200 || body != want) || s.silent && status != 404 {
		t.Errorf("%s: a call after the login: %d %s", s.host, status, body)
	}
}

// ask sends a request to a site, whatever its name.
func (s endpoint) ask(t *testing.T, method, path, token, body string) (int, string) {
	t.Helper()
	name, _, err := net.SplitHostPort(s.host)
	if err != nil {
		name = s.host
	}
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{ServerName: name, InsecureSkipVerify: true}, //nolint:gosec // the authority is made anew by each start
		DisableKeepAlives: true,
	}
	req, err := http.NewRequest(method, s.scheme+"://"+s.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = s.host
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	client := http.Client{Transport: transport, Timeout: 20 * time.Second}
	var res *http.Response
	for wait := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		// the certificate is made in the background
		if res, err = client.Do(req.Clone(t.Context())); err == nil || time.Since(wait) > 15*time.Second {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// nextPort begins elsewhere in each process: others of a test run search as well.
var nextPort = 22_000 + rand.IntN(9_000)

// freePort gives no port twice, and none that the system gives to connections (from 32768
// on, by default): one of these would take it before the server starts.
func freePort(t *testing.T) int {
	t.Helper()
	for range 9_000 {
		port := nextPort
		if nextPort++; nextPort > 31_999 {
			nextPort = 22_000
		}
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}
