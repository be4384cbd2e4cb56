// gateway.go: two gateways, and a WeChat that knows everybody.

package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddy-wechat/caddy-wechat/tools/internal/child"
)

const (
	appID  = "wx00000000000000aa"
	secret = "not-a-secret-0123456789"
)

// gateway is one process.
type gateway struct {
	dir, bin, site string
	process        *child.Child
	spent          time.Duration // CPU of processes of before
}

type gateways struct {
	list   []*gateway
	wechat *http.Server
	next   atomic.Uint64
	only   atomic.Pointer[gateway] // is asked, and no other; nil for all in turn
}

// openidOf is who has a code: its number is the user's.
func openidOf(user int) string { return fmt.Sprintf("oScale%022d", user) }

// codeToSession answers as WeChat's jscode2session does. A code is "<user>-<nonce>".
func codeToSession(w http.ResponseWriter, r *http.Request) {
	var user int
	_, err := fmt.Sscanf(r.FormValue("js_code"), "%d-", &user)
	if err != nil {
		fmt.Fprint(w, `{"errcode":40029,"errmsg":"invalid code"}`)
		return
	}
	sum := sha256.Sum256([]byte(r.FormValue("js_code")))
	_ = json.NewEncoder(w).Encode(map[string]string{
		"openid": openidOf(user), "unionid": "u" + openidOf(user)[1:], "session_key": base64.StdEncoding.EncodeToString(sum[:16]),
	})
}

func startGateways(ctx context.Context, dir, bin string, f *fleet) (*gateways, error) {
	g := &gateways{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return g, err
	}
	g.wechat = &http.Server{Handler: http.HandlerFunc(codeToSession), ReadHeaderTimeout: time.Minute}
	go func() { _ = g.wechat.Serve(l) }()
	var seeds []string
	for _, s := range f.servers {
		seeds = append(seeds, "redis://"+s.addr)
	}
	for i := range 2 {
		one := &gateway{dir: filepath.Join(dir, fmt.Sprint("gateway-", i)), bin: bin}
		if err := os.Mkdir(one.dir, 0o700); err != nil {
			return g, err
		}
		if one.site, err = freeAddress(); err != nil {
			return g, err
		}
		text := fmt.Sprintf(`{
	admin off
	persist_config off
	skip_install_trust
	auto_https off
	grace_period 2s
	storage file_system %s
	wechat {
		app %s %s
		api_base http://%s
		login_rate off
		store redis %s {
			mode cluster
		}
	}
}
http://%s {
	bind 127.0.0.1
	wechat_auth
	respond {http.auth.user.openid}
}
`, filepath.Join(dir, "storage"), appID, secret, l.Addr(), strings.Join(seeds, " "), one.site)
		if err := os.WriteFile(filepath.Join(one.dir, "Caddyfile"), []byte(text), 0o600); err != nil {
			return g, err
		}
		g.list = append(g.list, one)
		if err := one.start(ctx); err != nil {
			return g, err
		}
	}
	return g, nil
}

func (g *gateway) start(ctx context.Context) (err error) {
	g.process, err = child.Start(g.dir, filepath.Base(g.dir), append(os.Environ(), "HOME="+g.dir, "XDG_DATA_HOME="+g.dir, "XDG_CONFIG_HOME="+g.dir),
		filepath.Join(g.bin, "caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile")
	if err != nil {
		return err
	}
	return g.process.Listens(ctx, g.site)
}

// kill ends the process as a crash does.
func (g *gateway) kill() {
	g.spent += cpu(g.process.PID())
	g.process.Crash()
}

// site is whose turn it is.
func (g *gateways) site() string {
	if one := g.only.Load(); one != nil {
		return one.site
	}
	return g.list[g.next.Add(1)%uint64(len(g.list))].site
}

// resident is the memory of a process.
func (g *gateway) resident() (bytes int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.process.PID()))
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	_, _ = fmt.Sscan(rest, &bytes)
	return bytes << 10
}

func (g *gateways) cpu() (sum time.Duration) {
	for _, one := range g.list {
		sum += one.spent + cpu(one.process.PID())
	}
	return sum
}

func (g *gateways) end() {
	for _, one := range g.list {
		if one.process != nil {
			one.kill()
		}
	}
	if g.wechat != nil {
		_ = g.wechat.Close()
	}
}
