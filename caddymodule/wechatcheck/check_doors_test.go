// check_doors_test.go: nginx, HAProxy and Caddy's forward_auth, started from the very
// files in examples/, between clients and the backend.

package wechatcheck_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// door is a proxy that asks wechat_check.
type door struct {
	kind string
	gw   *gatewaytest.Gateway
	c    *gatewaytest.Client // of the proxy
}

// doorKinds are the directories in examples/ whose proxies are here as programs.
var doorKinds = []string{"nginx", "haproxy", "caddy-forward-auth"}

// eachDoor runs a test with each proxy. Alice has no unionid, phone or user info, so
// that there is no value of ours in the place of a client's.
func eachDoor(t *testing.T, wechat string, test func(t *testing.T, d *door)) {
	for _, kind := range doorKinds {
		t.Run(kind, func(t *testing.T) { test(t, startDoor(t, kind, gatewaytest.InMemory+wechat)) })
	}
}

// example reads a file of examples/ and gives it the addresses of the test.
func example(t *testing.T, path string, replace ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", path))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(string(text), replace[i]) {
			t.Fatalf("%s has no %q for the test to replace", path, replace[i])
		}
	}
	return strings.NewReplacer(replace...).Replace(string(text))
}

// sitesOf are the sites of a Caddyfile, without its global options.
func sitesOf(text string) string {
	if at := strings.Index(text, "\n{\n"); at >= 0 {
		text = text[at+3:]
		text = text[strings.Index(text, "\n}\n")+3:]
	}
	return text
}

var serversOption = regexp.MustCompile(`(?ms)^\tservers [^\n]*\{\n.*?^\t\}\n`)

// startDoor starts a proxy and its gateway. changes are pairs, as those of example, for
// what the files tell their reader to change.
func startDoor(t *testing.T, kind, wechat string, changes ...string) *door {
	t.Helper()
	changed := func(text string) string { return strings.NewReplacer(changes...).Replace(text) }
	check, logins, front := gatewaytest.PortOf(gatewaytest.FreeAddr(t)), gatewaytest.PortOf(gatewaytest.FreeAddr(t)), gatewaytest.PortOf(gatewaytest.FreeAddr(t))
	gateway := changed(example(t, "gateway/Caddyfile", ":9180", ":"+check, ":9182", ":"+logins))
	s := gatewaytest.Setup{
		Sites: sitesOf(gateway), Global: serversOption.FindString(gateway), Sim: gatewaytest.SimWithoutUnionID(),
		Wechat: wechat, Apps: []string{gatewaytest.AppA},
	}
	d := &door{kind: kind}
	addr := "127.0.0.1:" + front
	d.gw = gatewaytest.Start(t, s)
	switch kind {
	case "caddy-forward-auth":
		// A process of its own, as it would be. In this one the race detector would see that
		// two reverse_proxies of one request share its variables: the second sets one while a
		// connection that the first no longer needs is still being made (Caddy 2.11.9).
		dir := t.TempDir()
		file := filepath.Join(dir, "Caddyfile")
		writeFile(t, file, "{\n\tadmin off\n\tpersist_config off\n\tstorage file_system "+dir+"\n}\n"+
			example(t, kind+"/Caddyfile", "127.0.0.1:9180", "127.0.0.1:"+check, "127.0.0.1:9182", "127.0.0.1:"+logins,
				"127.0.0.1:3000", d.gw.Upstream.Addr, "http://:8080", "http://:"+front))
		d.run(t, addr, gatewaytest.CaddyCommand(t, "run", "--config", file, "--adapter", "caddyfile"))
	case "nginx":
		dir := t.TempDir()
		temp := "http {\n"
		for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			temp += "\t" + name + "_temp_path " + filepath.Join(dir, name) + ";\n"
		}
		config := example(t, "nginx/nginx.conf", "127.0.0.1:9180", "127.0.0.1:"+check, "127.0.0.1:9182", "127.0.0.1:"+logins,
			"127.0.0.1:3000", d.gw.Upstream.Addr, "listen 8080", "listen "+addr, "/run/nginx.pid", filepath.Join(dir, "pid"), "http {\n", temp)
		file := filepath.Join(dir, "nginx.conf")
		writeFile(t, file, changed(config))
		d.run(t, addr, exec.Command("nginx", "-c", file, "-p", dir, "-g", "daemon off;"))
	case "haproxy":
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "wechat.lua"), changed(example(t, "haproxy/wechat.lua", "127.0.0.1:9180", "127.0.0.1:"+check)))
		writeFile(t, filepath.Join(dir, "haproxy.cfg"), example(t, "haproxy/haproxy.cfg", "127.0.0.1:9182", "127.0.0.1:"+logins,
			"127.0.0.1:3000", d.gw.Upstream.Addr, "bind :8080", "bind "+addr))
		cmd := exec.Command("haproxy", "-f", "haproxy.cfg")
		cmd.Dir = dir
		d.run(t, addr, cmd)
	}
	h1 := *d.gw.H1
	h1.Base, h1.Addr = "http://"+addr, addr
	d.c = &h1
	return d
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs a proxy until the test ends.
func (d *door) run(t *testing.T, addr string, cmd *exec.Cmd) {
	t.Helper()
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s is needed to test its configuration: %v", d.kind, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", d.kind, said.String())
		}
	})
	gatewaytest.Await(t, d.kind+" to listen", func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v\n%s", d.kind, err, said.String())
		default:
		}
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// login logs a user in through the proxy.
func (d *door) login(t *testing.T, openid string) string {
	t.Helper()
	got := d.c.Do(t, gatewaytest.LoginCall(d.gw, gatewaytest.AppA, openid))
	var answer struct{ Token, OpenID string }
	if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || got.Status != 200 || answer.OpenID != openid {
		t.Fatalf("login of %s through %s: %d %s", openid, d.kind, got.Status, got.Body)
	}
	return answer.Token
}

// requireKnown fails unless a request is this user's: told once, in one spelling, and
// nothing of anybody else, with no credential.
func (d *door) requireKnown(t *testing.T, r gatewaytest.Request, openid, token string) {
	t.Helper()
	want := map[string]string{"x-wechat-openid": openid, "x-wechat-appid": gatewaytest.AppA}
	rest := r.Raw
	for _, f := range r.Fields {
		name := strings.ToLower(f.Name)
		if value, ours := want[name]; ours {
			if f.Value != value {
				t.Errorf("%s: %s %q; want %q:\n%s", d.kind, f.Name, f.Value, value, r.Raw)
			}
			delete(want, name)
			rest = strings.Replace(rest, f.Name+":", "", 1)
		}
	}
	if len(want) > 0 {
		t.Errorf("%s: the upstream did not see %v:\n%s", d.kind, want, r.Raw)
	}
	if name := gatewaytest.ReservedName.FindString(d.withoutTrailers(rest, r)); name != "" {
		t.Errorf("%s: the upstream saw another %q:\n%s", d.kind, name, r.Raw)
	}
	gatewaytest.RequireNoToken(t, r, token)
}

// withoutTrailers takes the trailers out of what is judged, for the one proxy that
// hands them on and cannot be told not to; docs/doors.md says so. The announcement
// passes as well.
func (d *door) withoutTrailers(raw string, r gatewaytest.Request) string {
	if d.kind != "caddy-forward-auth" {
		return raw
	}
	for _, f := range r.Trailers {
		raw = strings.Replace(raw, f.Name+":", "", 1)
	}
	var kept []string
	for line := range strings.Lines(raw) {
		if !strings.HasPrefix(line, "Trailer:") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// requireTurnedAway fails unless an answer is a refusal that a mini program understands.
func requireTurnedAway(t *testing.T, got gatewaytest.Reply, status int, code string) {
	t.Helper()
	var p struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	err := json.Unmarshal([]byte(got.Body), &p)
	if got.Status != status || err != nil || p.Error != code || p.Description == "" || got.Header.Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(got.Header.Get("Content-Type"), "application/json") {
		t.Errorf("%d %v %s; want %d %s", got.Status, got.Header, got.Body, status, code)
	}
	if challenge := got.Header.Values("WWW-Authenticate"); status == 401 && (len(challenge) != 1 || !strings.HasPrefix(challenge[0], "Bearer")) {
		t.Errorf("WWW-Authenticate %q", challenge)
	}
	if wait := got.Header.Values("Retry-After"); status == 503 && len(wait) != 1 {
		t.Errorf("Retry-After %q", wait)
	}
}

// What people do: log in, use the backend, log out; all of it through the proxy. The
// request after a logout is refused.
func TestDoor(t *testing.T) {
	eachDoor(t, "", func(t *testing.T, d *door) {
		up := d.gw.Upstream
		requireTurnedAway(t, d.c.Do(t, gatewaytest.Call{Target: "/api/me"}), 401, "invalid_token")
		requireTurnedAway(t, d.c.Do(t, gatewaytest.Call{Target: "/api/me", Token: "garbage"}), 401, "invalid_token")
		gatewaytest.RequireNoUpstream(t, d.gw)

		token := d.login(t, gatewaytest.Alice)
		for _, x := range []gatewaytest.Call{
			{Target: "/api/me?x=1"}, {Method: "POST", Target: "/orders", Body: "the body"}, {Method: "DELETE", Target: "/x"}, {Target: "/wechatx"},
		} {
			x.Token = token
			got := d.c.Do(t, x)
			gatewaytest.RequireStatus(t, got, 200)
			seen := up.Only(t)
			d.requireKnown(t, seen, gatewaytest.Alice, token)
			if seen.Target != x.Target || seen.Body != x.Body {
				t.Errorf("%s %s arrived as %s with %q", x.Method, x.Target, seen.Target, seen.Body)
			}
		}
		got := d.c.Do(t, gatewaytest.Call{Target: "/wechat/session", Token: token})
		if got.Status != 200 || !strings.Contains(got.Body, gatewaytest.Alice) {
			t.Errorf("/wechat/session: %d %s", got.Status, got.Body)
		}
		gatewaytest.RequireStatus(t, d.c.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token}), 204)
		requireTurnedAway(t, d.c.Do(t, gatewaytest.Call{Target: "/api/me", Token: token}), 401, "invalid_token")
		gatewaytest.RequireStatus(t, d.c.Do(t, gatewaytest.Call{Target: "/wechat/none"}), 404)
		gatewaytest.RequireNoUpstream(t, d.gw)

		socket := gatewaytest.DialRaw(t, d.c.Addr)
		token = d.login(t, gatewaytest.Alice)
		socket.Send(t, gatewaytest.CRLF("GET /socket HTTP/1.1\nHost: "+d.c.Addr+"\nAuthorization: Bearer "+token+
			"\nConnection: keep-alive, Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n\n"))
		if got := socket.ReadReply(t, "GET"); got.Status != 101 {
			t.Errorf("a WebSocket: %d %s", got.Status, got.Body)
		}
		d.requireKnown(t, up.Only(t), gatewaytest.Alice, token)
		socket.Close()

		// without the check nobody gets in, and nobody is told that they are not logged in
		d.gw.H1.Do(t, gatewaytest.Call{Target: "/"}) // the reload below closes idle connections
		if err := d.gw.Load(gatewaytest.Setup{Wechat: gatewaytest.InMemory, Apps: []string{gatewaytest.AppA}, Sim: gatewaytest.SimWithoutUnionID()}); err != nil {
			t.Fatal(err)
		}
		up.Reset()
		for _, token := range []string{token, ""} {
			requireTurnedAway(t, d.c.Do(t, gatewaytest.Call{Target: "/api/me", Token: token}), 503, "temporarily_unavailable")
		}
		gatewaytest.RequireNoUpstream(t, d.gw)
	})
}

// wrapped are names under which gRPC gateways pass headers on.
var wrapped = []string{"Grpc-Metadata-X-WeChat-OpenID", "grpc-metadata-x-wx-openid", "Grpc-Metadata-X-WeChat-UnionID"}

// A client names somebody else, in every spelling, with its own session or none.
func TestDoorForgedHeaders(t *testing.T) {
	eachDoor(t, "", func(t *testing.T, d *door) {
		token := d.login(t, gatewaytest.Alice)
		for _, name := range append(append([]string{}, gatewaytest.Spellings...), wrapped...) {
			if d.unheardOf(name) {
				continue
			}
			for _, list := range [][]gatewaytest.Field{gatewaytest.Fields(name, gatewaytest.Eve), gatewaytest.Fields(name, gatewaytest.Eve, name, "twice"), gatewaytest.Fields(name, ""), gatewaytest.Fields("Connection", name+", close", name, gatewaytest.Eve)} {
				got, err := d.c.Exact(t, gatewaytest.ExactCall{Target: "/api/me", Fields: append(list, gatewaytest.Bearer(token))})
				if err != nil || got.Status != 200 && got.Status != 400 {
					t.Fatalf("%s: %v %v", name, got, err)
				}
				if seen := d.gw.Upstream.Requests(); got.Status == 200 {
					if len(seen) != 1 {
						t.Fatalf("%s: the upstream saw %d requests:\n%s", name, len(seen), gatewaytest.RawOf(seen))
					}
					d.requireKnown(t, seen[0], gatewaytest.Alice, token)
					if strings.Contains(seen[0].Raw, gatewaytest.Eve) {
						t.Errorf("%s: the upstream saw the forged value:\n%s", name, seen[0].Raw)
					}
				}
				d.gw.Upstream.Reset()
				got, err = d.c.Exact(t, gatewaytest.ExactCall{Target: "/api/me", Fields: list})
				if err != nil || got.Status != 401 && got.Status != 400 {
					t.Errorf("%s, without a session: %v %v", name, got, err)
				}
				gatewaytest.RequireNoUpstream(t, d.gw)
			}
		}
		// and those who take ours away
		for _, connection := range []string{
			"X-WeChat-OpenID", "close, X-WeChat-OpenID, X-WeChat-AppID", "keep-alive, x-wechat-openid", "Upgrade, X-Wechat-Openid", "Authorization",
		} {
			got, err := d.c.Exact(t, gatewaytest.ExactCall{Target: "/api/me", Fields: append(gatewaytest.Fields("Connection", connection), gatewaytest.Bearer(token))})
			if err != nil || got.Status != 200 && got.Status != 401 {
				t.Fatalf("Connection: %s: %v %v", connection, got, err)
			}
			if got.Status == 200 {
				d.requireKnown(t, d.gw.Upstream.Only(t), gatewaytest.Alice, token)
			}
			gatewaytest.RequireNoUpstream(t, d.gw)
		}
	})
}

// unheardOf reports whether a name is one that nobody ever sets. nginx cannot remove
// headers by pattern, and passes it; docs/doors.md says so.
func (d *door) unheardOf(name string) bool { return d.kind == "nginx" && name == "X-WeChat-Anything" }

// Upgrades make no pipe, whatever the backend agrees to.
func TestDoorTunnels(t *testing.T) {
	eachDoor(t, "", func(t *testing.T, d *door) {
		d.gw.Upstream.SetLax(true)
		token := d.login(t, gatewaytest.Alice)
		for name, lines := range gatewaytest.Tunnels {
			conn := gatewaytest.DialRaw(t, d.c.Addr)
			conn.Send(t, gatewaytest.CRLF("GET /api/me HTTP/1.1\nHost: "+d.c.Addr+"\nAuthorization: Bearer "+token+"\n"+lines+"\n"))
			got := conn.ReadReply(t, "GET")
			for _, seen := range d.gw.Upstream.Requests() {
				if value := seen.Get("Upgrade"); value != "" && value != "websocket" {
					t.Errorf("%s: Upgrade %q reached the upstream", name, value)
				}
				d.requireKnown(t, seen, gatewaytest.Alice, token)
			}
			if got.Status == 101 && !strings.HasPrefix(name, "websocket") && !strings.Contains(lines, "websocket") {
				t.Errorf("%s: a tunnel was opened", name)
			}
			conn.Close()
			d.gw.Upstream.Reset()
		}
		for _, method := range []string{"CONNECT", "TRACE"} {
			if got, err := d.c.Exact(t, gatewaytest.ExactCall{Method: method, Target: "/api/me", Fields: []gatewaytest.Field{gatewaytest.Bearer(token)}}); err == nil && got.Status < 400 {
				t.Errorf("%s: %d", method, got.Status)
			}
			gatewaytest.RequireNoUpstream(t, d.gw)
		}
	})
}

func TestDoorTrailers(t *testing.T) {
	eachDoor(t, "", func(t *testing.T, d *door) {
		token := d.login(t, gatewaytest.Alice)
		for _, attack := range gatewaytest.Smuggled {
			for _, body := range []string{"the body", ""} {
				x := gatewaytest.ExactCall{Method: "POST", Target: "/api", Body: body, Fields: append(gatewaytest.Fields("Authorization", "Bearer "+token), attack.Announce...), Trailers: attack.Trailers}
				if attack.Name == "empty body announced" {
					continue // a length and chunks together are TestDoorSmuggling's
				}
				if got, err := d.c.Exact(t, x); err != nil || got.Status >= 500 {
					t.Errorf("%s: %v %v", attack.Name, got, err)
				}
				for _, seen := range d.gw.Upstream.Requests() {
					d.requireKnown(t, seen, gatewaytest.Alice, token)
				}
				d.gw.Upstream.Reset()
				x.Fields = attack.Announce
				if got, err := d.c.Exact(t, x); err != nil || got.Status != 401 && got.Status != 411 {
					t.Errorf("%s, without a session: %v %v", attack.Name, got, err)
				}
				gatewaytest.RequireNoUpstream(t, d.gw)
			}
		}
	})
}

// No path gets past the check, and none of the gateway's is a way to the backend.
func TestDoorPaths(t *testing.T) {
	eachDoor(t, "", func(t *testing.T, d *door) {
		token := d.login(t, gatewaytest.Alice)
		targets := append([]string{
			"/_wechat_check", "/_wechat_check/", "//_wechat_check", "/wechat/../api/me", "/wechat/..%2fapi/me", "/wechat/%2e%2e/api/me", "/wechat/..;/api/me",
			"/wechat//../../api", "/wechat/login/../../api", "/wechat%2f..%2fapi", "/WECHAT/../api", "/wechat/..%5capi", "/wechat/jwks.json/../../api", "/x/../wechat/login",
			"*", "http://127.0.0.1/api/me", "/api/me?x=/wechat/", "/wechat?/../api", "/.well-known/acme-challenge/x",
		}, gatewaytest.NotPublic...)
		for _, target := range targets {
			for _, method := range []string{"GET", "OPTIONS", "HEAD"} {
				got, err := d.c.Exact(t, gatewaytest.ExactCall{Method: method, Target: target})
				goOwn := d.kind == "caddy-forward-auth" && target == "*" && method == "OPTIONS" // an empty 200 of net/http
				if err == nil && got.Status < 300 && !goOwn {
					t.Errorf("%s %s: %d without a session", method, target, got.Status)
				}
				gatewaytest.RequireNoUpstream(t, d.gw)
			}
			if _, err := d.c.Exact(t, gatewaytest.ExactCall{Target: target, Fields: []gatewaytest.Field{gatewaytest.Bearer(token)}}); err != nil {
				continue
			}
			for _, seen := range d.gw.Upstream.Requests() {
				d.requireKnown(t, seen, gatewaytest.Alice, token)
			}
			d.gw.Upstream.Reset()
		}
		// what a proxy or a client says about a request decides nothing
		for _, name := range []string{"X-Forwarded-Uri", "X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "X-Forwarded-Prefix"} {
			got, err := d.c.Exact(t, gatewaytest.ExactCall{Target: "/api/me", Fields: gatewaytest.Fields(name, "/wechat/login", "X-Forwarded-Method", "OPTIONS", "X-Forwarded-For", "127.0.0.1")})
			if err != nil || got.Status != 401 {
				t.Errorf("%s: %v %v", name, got, err)
			}
			gatewaytest.RequireNoUpstream(t, d.gw)
		}
	})
}

// No token but a live one, and no two credentials.
func TestDoorTokens(t *testing.T) {
	path, key := gatewaytest.KeyFile(t, "HS256")
	eachDoor(t, gatewaytest.TokenBlock("HS256", path), func(t *testing.T, d *door) {
		f := gatewaytest.NewForge(t, d.gw, key.([]byte))
		bad := make(map[string]string)
		for _, list := range []map[string]string{f.Headers(), f.Spellings(t)} {
			for name, token := range list {
				bad[name] = token
			}
		}
		w := gatewaytest.NewWallet(t, d.gw)
		for i, token := range gatewaytest.BadTokens(w) {
			bad[fmt.Sprint("bad token ", i)] = token
		}
		for name, token := range bad {
			if strings.ContainsAny(token, "\r\n\x00") {
				continue // no header value; TestTokensBeyondHTTP has them
			}
			got, err := d.c.Exact(t, gatewaytest.ExactCall{Target: "/api/me", Fields: []gatewaytest.Field{gatewaytest.Bearer(token)}})
			if err != nil || got.Status != 401 && got.Status != 400 && got.Status != 431 {
				t.Errorf("%s: %v %v", name, got, err)
			}
			gatewaytest.RequireNoUpstream(t, d.gw)
		}
		for name, list := range map[string][]gatewaytest.Field{
			"two tokens":      {gatewaytest.Bearer(w.Alice), gatewaytest.Bearer(w.Eve)},
			"token and basic": {gatewaytest.Bearer(w.Alice), {Name: "Authorization", Value: "Basic Ym9iOmJvYg=="}},
			"in one line":     {{Name: "Authorization", Value: "Bearer " + w.Alice + ", Bearer " + w.Eve}},
			"in the query":    {{Name: "X-Authorization", Value: "Bearer " + w.Alice}},
			"in a cookie":     {{Name: "Cookie", Value: "__Host-wechat_session=" + w.Alice}},
		} {
			got, err := d.c.Exact(t, gatewaytest.ExactCall{Target: "/api/me?access_token=" + w.Alice, Fields: list})
			// nginx 1.22 takes the first of two Authorization lines, and no backend sees any
			first := d.kind == "nginx" && strings.HasPrefix(name, "t")
			if err != nil || got.Status != 401 && got.Status != 400 && !first {
				t.Errorf("%s: %v %v", name, got, err)
			}
			for _, seen := range d.gw.Upstream.Requests() {
				if !first || seen.Get("X-WeChat-OpenID") != gatewaytest.Alice || seen.Get("Authorization") != "" {
					t.Errorf("%s: the upstream saw\n%s", name, seen.Raw)
				}
			}
			d.gw.Upstream.Reset()
		}
	})
}

// Requests whose end is in dispute: whatever comes of them, nothing reaches the backend
// without a session, and nothing as somebody else.
func TestDoorSmuggling(t *testing.T) {
	eachDoor(t, "", func(t *testing.T, d *door) {
		token := d.login(t, gatewaytest.Alice)
		inner := "GET /admin HTTP/1.1\nHost: x\nX-WeChat-OpenID: " + gatewaytest.Eve + "\n\n"
		sent := make(map[string]string) // by target, as a request may arrive after its client was told off
		var wg sync.WaitGroup
		for name, framing := range gatewaytest.Framings {
			for _, method := range []string{"POST", "GET"} {
				for _, credential := range []string{"", "Authorization: Bearer " + token + "\n"} {
					target := fmt.Sprint("/api?n=", len(sent))
					sent[target] = name + credential
					wg.Go(func() {
						conn, err := net.Dial("tcp", d.c.Addr)
						if err != nil {
							t.Error(err)
							return
						}
						defer conn.Close()
						// not closed for writing: nginx takes that for the client's end
						conn.SetDeadline(time.Now().Add(3 * time.Second))
						io.WriteString(conn, gatewaytest.CRLF(method+" "+target+" HTTP/1.1\nHost: x\n"+credential+framing+inner))
						if answers, _ := io.ReadAll(conn); len(answers) == 0 {
							t.Errorf("%s: no answer", name)
						}
					})
				}
			}
		}
		wg.Wait()
		gatewaytest.RequireStatus(t, d.c.Do(t, gatewaytest.Call{Target: "/last", Token: token}), 200)
		sent["/last"] = token
		arrived := 0
		for _, seen := range d.gw.Upstream.Requests() {
			if !strings.Contains(sent[seen.Target], token) {
				t.Errorf("%.60q: the upstream saw\n%s", sent[seen.Target], seen.Raw)
				continue
			}
			arrived++
			head, _, _ := strings.Cut(seen.Raw, "\r\n\r\n")
			d.requireKnown(t, gatewaytest.Request{Raw: head, Fields: seen.Fields}, gatewaytest.Alice, token)
		}
		if arrived < 5 {
			t.Errorf("%d requests arrived: the test proves nothing", arrived)
		}
	})
}
