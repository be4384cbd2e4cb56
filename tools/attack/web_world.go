// web_world.go: the gateway with logins by redirect, a relay and pushes, and the
// WeChat and the backend around it.

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caddy-wechat/caddy-wechat/tools/internal/child"
)

const (
	webMini, webOfficial, webOther, webWebsite = "wx00000000000000a1", "wx00000000000000a2", "wx00000000000000a3", "wx00000000000000a4"

	webSecret = "secret-of-the-web-apps-5eb63bbbe01eeed0"
	webKey    = "key-of-the-relay-93cb22bb8f5acdc3"
	webPush   = "pushtoken93cb22"
)

// webWorld is what these attacks are made on.
type webWorld struct {
	site, other, relay string // 127.0.0.1:port
	sim                string // URL of the simulator
	backend, wechat    *recorder
	tokens             map[string]string // of sessions that last, by openid
	early              string            // a ticket that was made at the start, and is good until late
	late               time.Time
	ends               []func()
}

// recorder remembers the header of each request, with its target as X-Target.
type recorder struct {
	addr string
	mu   sync.Mutex
	got  []http.Header
}

func startRecorder(next http.Handler, skip func(*http.Request) bool) (*recorder, func(), error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	rec := &recorder{addr: ln.Addr().String()}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !skip(r) {
			h := r.Header.Clone()
			h.Set("X-Target", r.URL.RequestURI())
			rec.mu.Lock()
			rec.got = append(rec.got, h)
			rec.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})}
	go server.Serve(ln)
	return rec, func() { server.Close() }, nil
}

// take returns what came since the last take.
func (r *recorder) take() []http.Header {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

func startWebWorld(ctx context.Context, bin, dir string) (w *webWorld, err error) {
	w = &webWorld{tokens: make(map[string]string)}
	defer func() {
		if err != nil {
			w.stop()
		}
	}()
	var addrs [4]string
	for i := range addrs {
		if addrs[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	w.site, w.other, w.relay, w.sim = addrs[0], addrs[1], addrs[2], "http://"+addrs[3]
	args := []string{"-listen", addrs[3]}
	for _, app := range []string{webMini, webSealed, webOfficial + " official", webOther + " official", webWebsite + " website"} {
		appid, kind, _ := strings.Cut(app, " ")
		args = append(args, "-app", strings.TrimSuffix(appid+":"+webSecret+":"+kind, ":"))
	}
	if err := w.run(ctx, bin, filepath.Join(dir, "web-sim"), "wechatsim", addrs[3:], args...); err != nil {
		return nil, err
	}
	if err := w.around(w.sim); err != nil {
		return nil, err
	}
	home := filepath.Join(dir, "web")
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(home, "Caddyfile"), []byte(w.caddyfile()), 0o600); err != nil {
		return nil, err
	}
	if err := w.run(ctx, bin, home, "caddy", addrs[:3], "run", "--config", "Caddyfile", "--adapter", "caddyfile"); err != nil {
		return nil, err
	}
	w.early, err = newWebShot(w, nil).value("ticket:" + alice)
	w.late = time.Now().Add(ticketLifetime + time.Second)
	return w, err
}

// ticketLifetime is what the answer to POST ticket says: the contract's minute.
const ticketLifetime = time.Minute

// around starts the backend, and what stands between the gateway and WeChat.
func (w *webWorld) around(sim string) error {
	target, err := url.Parse(sim)
	if err != nil {
		return err
	}
	forward := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
	var stop func()
	w.wechat, stop, err = startRecorder(forward, func(r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "token") && !strings.HasPrefix(r.URL.Path, "/sns/")
	})
	if err != nil {
		return err
	}
	w.ends = append(w.ends, stop)
	w.backend, stop, err = startRecorder(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(*http.Request) bool { return false })
	if err != nil {
		return err
	}
	w.ends = append(w.ends, stop)
	return nil
}

func (w *webWorld) run(ctx context.Context, bin, home, name string, listens []string, args ...string) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	program, err := filepath.Abs(filepath.Join(bin, name))
	if err != nil {
		return err
	}
	c, err := child.Start(home, name, append(os.Environ(), "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home), program, args...)
	if err != nil {
		return err
	}
	w.ends = append(w.ends, func() { c.End() })
	for _, addr := range listens {
		if err := c.Listens(ctx, addr); err != nil {
			return err
		}
	}
	return nil
}

func (w *webWorld) stop() {
	for i := len(w.ends) - 1; i >= 0; i-- {
		w.ends[i]()
	}
}

func (w *webWorld) caddyfile() string {
	_, relayPort, _ := net.SplitHostPort(w.relay)
	return fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https off
	default_bind 127.0.0.1
	storage file_system storage
	wechat {
		app %[1]s %[5]s {
			push %[6]s
		}
		app %[14]s %[5]s {
			push %[15]s %[16]s
		}
		app %[2]s %[5]s official
		app %[3]s %[5]s official
		app %[4]s %[5]s website
		api_base http://%[7]s
		open_base %[8]s
		login_rate off
		sessions_per_user 1000
		store memory
		token {
			algorithm EdDSA
		}
	}
}
http://%[9]s {
	wechat_push /push {
		app %[1]s
	}
	wechat_push /sealed {
		app %[14]s
	}
	wechat_auth {
		app %[1]s %[2]s %[4]s
		public /public/*
		web_login
		assertion backend.example
	}
	reverse_proxy %[12]s
}
http://%[10]s {
	wechat_auth {
		app %[3]s
		web_login
	}
	reverse_proxy %[12]s
}
http://:%[11]s {
	wechat_api {
		key %[13]s
		app %[1]s
	}
}
`, webMini, webOfficial, webOther, webWebsite, webSecret, webPush, w.wechat.addr, w.sim,
		localhost(w.site), localhost(w.other), relayPort, w.backend.addr, webKey, webSealed, webSealedPush, webAESKey)
}

// secrets must be in no answer.
func (w *webWorld) secrets() map[string]string {
	return map[string]string{"the apps' secret": webSecret, "the key of the relay": webKey, "the token of pushes": webPush,
		"the token of sealed pushes": webSealedPush, "the AES key of pushes": webAESKey}
}
