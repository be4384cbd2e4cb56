// fleet.go: all processes of one set, started together and ended together.

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/caddy-wechat/caddy-wechat/tools/internal/child"
)

// fleet owns its processes; stop ends them in reverse order.
type fleet struct {
	dir      string
	bins     *binaries
	sim      string
	started  []*child.Child
	upstream string
}

// proxy is one running variant and the connections to it.
type proxy struct {
	*variant
	process  *child.Child
	helper   *child.Child // the backend that is asked about each request, or nil
	door     *proxy       // another process that is, or nil
	at       addresses
	requests [][]byte // one per user
	conns    []*conn
}

func newFleet(ctx context.Context, b *binaries, dir string) (*fleet, error) {
	f := &fleet{dir: dir, bins: b}
	if err := f.begin(ctx); err != nil {
		f.stop()
		return nil, err
	}
	return f, nil
}

// begin starts what all variants share.
func (f *fleet) begin(ctx context.Context) (err error) {
	if f.upstream, _, err = f.backend(ctx, "upstream"); err != nil {
		return err
	}
	if f.sim, err = freeAddress(); err != nil {
		return err
	}
	_, err = f.launch(ctx, "wechatsim", f.sim, nil, f.bins.sim, "-listen", f.sim, "-quiet",
		"-app", appID+":"+secret, "-app", officialID+":"+secret+":official")
	return err
}

func (f *fleet) backend(ctx context.Context, name string) (string, *child.Child, error) {
	return f.serve(ctx, name, roleArgument)
}

// serve starts this program in another role.
func (f *fleet) serve(ctx context.Context, name, role string) (string, *child.Child, error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return "", nil, err
	}
	c, err := f.launch(ctx, name, address, nil, self, role, address)
	return address, c, err
}

// place is a new directory for one process.
func (f *fleet) place(name string) (string, error) {
	return os.MkdirTemp(f.dir, name+"-")
}

// launch starts a process in a directory of its own and waits for its port.
func (f *fleet) launch(ctx context.Context, name, address string, env []string, program string, args ...string) (*child.Child, error) {
	dir, err := f.place(name)
	if err != nil {
		return nil, err
	}
	return f.launchIn(ctx, dir, name, address, env, program, args...)
}

func (f *fleet) launchIn(ctx context.Context, dir, name, address string, env []string, program string, args ...string) (*child.Child, error) {
	env = append(append(cleanEnv(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir), env...)
	c, err := child.Start(dir, name, env, program, args...)
	if err != nil {
		return nil, err
	}
	f.started = append(f.started, c)
	return c, c.Listens(ctx, address)
}

// cleanEnv is our environment without what tunes a Go process: settings under
// test come from -with.
func cleanEnv() []string {
	var env []string
	for _, pair := range os.Environ() {
		switch name, _, _ := strings.Cut(pair, "="); name {
		case "GOGC", "GOMEMLIMIT", "GODEBUG", "GOMAXPROCS", "CADDY_ADMIN":
		default:
			env = append(env, pair)
		}
	}
	return env
}

// open starts a variant. withTLS adds an https site to it.
func (f *fleet) open(ctx context.Context, v *variant, withTLS bool) (*proxy, error) {
	p := &proxy{variant: v}
	dir, err := f.place(v.name)
	if err != nil {
		return nil, err
	}
	p.at = addresses{upstream: f.upstream, sim: f.sim}
	if v.door != nil {
		if p.door, err = f.open(ctx, v.door, false); err != nil {
			return nil, err
		}
		p.at.door = p.door.at.site
	}
	wanted := []*string{&p.at.site, &p.at.admin}
	if v.kind == check {
		wanted = append(wanted, &p.at.logins)
	}
	if withTLS {
		wanted = append(wanted, &p.at.tls)
	}
	for _, address := range wanted {
		if *address, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	if p.at.logins == "" {
		p.at.logins = p.at.site
	}
	if v.kind == hmacCheck {
		p.at.site, p.process, err = f.serve(ctx, v.name, hmacArgument)
		return p, err
	}
	if v.kind == forwardAuth || v.kind == nginxAuth {
		// a backend of its own also answers the site's requests for this variant,
		// so what it is asked in between is told apart by subtraction
		if p.at.upstream, p.helper, err = f.backend(ctx, v.name+"-check"); err != nil {
			return nil, err
		}
	}
	if v.store == "redis" {
		if p.at.redis, err = f.openRedis(ctx); err != nil {
			return nil, err
		}
	}

	text, args := v.caddyfile(p.at), []string{"run", "--config", "config", "--adapter", "caddyfile"}
	if v.isNginx() {
		text, args = v.nginxConf(p.at), []string{"-p", dir, "-c", "config", "-e", "stderr"}
	}
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(text), 0o600); err != nil {
		return nil, err
	}
	p.process, err = f.launchIn(ctx, dir, v.name, p.at.site, v.env, v.binary, args...)
	return p, err
}

func (f *fleet) openRedis(ctx context.Context) (string, error) {
	address, err := freeAddress()
	if err != nil {
		return "", err
	}
	_, port, _ := strings.Cut(address, ":")
	_, err = f.launch(ctx, "redis", address, nil, f.bins.redis,
		"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no")
	return address, err
}

// dial opens the proxy's connections.
func (p *proxy) dial(n int) error {
	for range n {
		c, err := dial(p.at.site)
		if err != nil {
			return err
		}
		p.conns = append(p.conns, c)
	}
	return nil
}

// failed adds to an error what the proxy's log says last.
func (p *proxy) failed(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return p.process.Trouble(fmt.Sprintf("failed: %v", err))
}

func (f *fleet) stop() {
	for i := len(f.started) - 1; i >= 0; i-- {
		f.started[i].End()
	}
}

// freeAddress returns an address of 127.0.0.1 that nobody listens on now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
