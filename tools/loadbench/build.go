// build.go: the binaries under test, built with the flags of xcaddy.mk.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const module = "github.com/caddy-wechat/caddy-wechat"

// buildFlags are those of xcaddy.mk, which are xcaddy's own.
var buildFlags = []string{"-trimpath", "-buildvcs=false", "-tags", "nobadger,nomysql,nopgx", "-ldflags", "-w -s"}

// stockMain is our cmd/caddy without our module.
const stockMain = `package main

import (
	_ "time/tzdata"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() { caddycmd.Main() }
`

// stockPackage is only in the overlay that stockOverlay makes.
const stockPackage = "./cmd/stockcaddy"

type binaries struct {
	caddy, nopgo, stock, sim string
	nginx, redis             string // "" when not installed
	stores                   map[string]bool
}

// resolve returns the binary that a -with names.
func (b *binaries) resolve(name string) string {
	switch name {
	case "caddy":
		return b.caddy
	case "nopgo":
		return b.nopgo
	case "stock":
		return b.stock
	}
	return name
}

func build(ctx context.Context, s *settings, dir string) (*binaries, error) {
	b := &binaries{caddy: s.caddy, stock: s.stock, sim: s.sim, stores: make(map[string]bool)}
	root, err := findRoot(s.root)
	needsStock := b.stock == "" && s.needsStock()
	if err != nil && (b.caddy == "" || b.sim == "" || needsStock) {
		return nil, err
	}
	goBuild := func(out, pkg string, flags ...string) (string, error) {
		out = filepath.Join(dir, out)
		args := append(append([]string{"build", "-o", out}, buildFlags...), append(flags, pkg)...)
		fmt.Fprintln(os.Stderr, "go build", strings.Join(flags, " "), pkg)
		command := exec.CommandContext(ctx, "go", args...)
		command.Dir, command.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		// stock as Caddy's own releases are, ours as xcaddy.mk builds it
		switch {
		case pkg == stockPackage:
			command.Env = append(command.Env, "GOAMD64=v1")
		case os.Getenv("GOAMD64") == "":
			command.Env = append(command.Env, "GOAMD64=v2")
		}
		if text, err := command.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building %s: %v\n%s", pkg, err, text)
		}
		return out, nil
	}
	pgo := s.pgo
	if pgo != "auto" && pgo != "off" {
		if pgo, err = filepath.Abs(pgo); err != nil {
			return nil, err
		}
	}
	_, noDefault := os.Stat(filepath.Join(root, "cmd", "caddy", "default.pgo"))
	guided := s.caddy == "" && pgo != "off" && (pgo != "auto" || noDefault == nil)

	if b.caddy == "" {
		if b.caddy, err = goBuild("caddy", "./cmd/caddy", "-pgo="+pgo); err != nil {
			return nil, err
		}
	}
	if guided && (s.wants("nopgo") || s.wants("nopgo-gate")) && s.profile == "" {
		if b.nopgo, err = goBuild("caddy-nopgo", "./cmd/caddy", "-pgo=off"); err != nil {
			return nil, err
		}
	}
	if b.sim == "" {
		if b.sim, err = goBuild("wechatsim", "./cmd/wechatsim"); err != nil {
			return nil, err
		}
	}
	if needsStock {
		overlay, err := stockOverlay(root, dir)
		if err != nil {
			return nil, err
		}
		if b.stock, err = goBuild("caddy-stock", stockPackage, "-overlay="+overlay); err != nil {
			return nil, err
		}
	}
	for _, path := range []*string{&b.caddy, &b.stock, &b.sim} {
		if *path != "" {
			if *path, err = filepath.Abs(*path); err != nil {
				return nil, err
			}
		}
	}
	b.nginx, _ = exec.LookPath(s.nginx)
	b.redis, _ = exec.LookPath(s.redis)
	modules, err := exec.CommandContext(ctx, b.caddy, "list-modules").Output()
	if err != nil {
		return nil, fmt.Errorf("asking %s for its modules: %v", b.caddy, err)
	}
	for line := range strings.Lines(string(modules)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "wechat.stores."); ok {
			b.stores[name] = true
		}
	}
	return b, nil
}

// stockOverlay puts a command into the module that is not in its tree, so that
// it is built from the same go.mod and leaves nothing behind.
func stockOverlay(root, dir string) (string, error) {
	source := filepath.Join(dir, "stock.go")
	if err := os.WriteFile(source, []byte(stockMain), 0o600); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, "cmd", "stockcaddy", "main.go"): source,
	}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o600)
}

// findRoot looks for the directory of the module, upwards.
func findRoot(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module "+module+"\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("this is not inside the repository of " + module + ": say where it is with -root")
		}
		dir = parent
	}
}
