// gateway.go: one gateway: a process that starts, reloads, ends and is killed.

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/caddy-wechat/caddy-wechat/tools/internal/child"
)

// gateway is one of the processes under test.
type gateway struct {
	name           string
	store, storage string
	site, admin    string // host:port

	w       *world
	home    string
	version int
	process *child.Child
	http    *http.Client
}

// prepare chooses addresses and writes the configuration.
func (g *gateway) prepare(w *world) (err error) {
	g.w, g.home = w, filepath.Join(w.dir, string(g.name[len(g.name)-1]))
	if g.site, err = freeAddress(); err != nil {
		return err
	}
	if g.admin, err = freeAddress(); err != nil {
		return err
	}
	g.http = &http.Client{
		Timeout:       20 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if err := os.Mkdir(g.home, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(g.home, "Caddyfile"), []byte(g.caddyfile(w, 0)), 0o600)
}

// start starts the process and waits until it serves.
func (g *gateway) start(ctx context.Context) (err error) {
	g.process, err = start(g.home, g.name, filepath.Join(g.w.bin, "caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile")
	if err != nil {
		return err
	}
	return g.process.Listens(ctx, g.site)
}

// reload puts a new configuration in force through the admin API. A bad one must be
// refused, and change nothing.
func (g *gateway) reload(bad bool) error {
	g.version++
	text := g.caddyfile(g.w, g.version)
	if bad {
		text = g.caddyfile(g.w, g.version) + "http://" + g.w.backend.address + " {\n\twechat_auth\n}\n" // that port is taken
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+g.admin+"/load", bytes.NewBufferString(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "text/caddyfile")
	request.Close = true
	response, err := g.http.Do(request)
	if err != nil {
		return fmt.Errorf("reloading %s: %w", g.name, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("reloading %s: %w", g.name, err)
	}
	if ok := response.StatusCode == http.StatusOK; ok == bad {
		return fmt.Errorf("reloading %s with a configuration that is bad (%v): %d %s", g.name, bad, response.StatusCode, answer)
	}
	return nil
}
