// main.go: starts everything, waits for the first end, ends everything.

// Command demo is what "make run" runs: the gateway with the top-level
// Caddyfile, and around it what it needs to be tried, a simulator of WeChat and
// a backend that shows who is calling. It ends what it started, however it ends
// itself, and writes nothing outside its directory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

func main() {
	// the kernel ends our children with the thread that started them (Linux)
	runtime.LockOSThread()

	bin := flag.String("bin", "bin", "`directory` of caddy and wechatsim")
	dir := flag.String("dir", ".run", "`directory` for logs and Caddy's storage")
	config := flag.String("config", "Caddyfile", "the gateway's `Caddyfile` for an app or a backend of your own")
	demoConfig := flag.String("demo-config", "tools/demo/Caddyfile", "and the `Caddyfile` where all around the gateway is the demo's")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx = endWithParent(ctx)

	if err := run(ctx, *bin, *dir, *config, *demoConfig, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "\nmake run:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin, dir, config, demoConfig string, out io.Writer) error {
	s, err := readSettings(os.Getenv, out)
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}

	ended := make(chan error, 5) // one for each that may end
	record := &recorder{}
	if s.demoBackend {
		backend, err := startBackend(s.backend, out, record, ended)
		if err != nil {
			return err
		}
		defer backend.Close()
	}
	if s.simulator != "" {
		sim, err := start(dir, ended, nil, filepath.Join(bin, "wechatsim"), "-listen", s.simulator,
			"-key-refresh", "0s") // a new session key at each wx.login, as may happen at any time
		if err != nil {
			return err
		}
		defer sim.end()
	}
	asked := s // as the gateway is told
	if s.pageListen != "" {
		config = demoConfig
		// what the gateway asks of WeChat is seen as well
		wechat, address, err := startWeChatHop(s.apiBase, record, ended)
		if err != nil {
			return err
		}
		defer wechat.Close()
		asked.apiBase = address
		page, err := startPage(s, record, ended)
		if err != nil {
			return err
		}
		defer page.Close()
	}
	gateway, err := start(dir, ended, asked.gatewayEnv(dir), filepath.Join(bin, "caddy"), "run", "--config", config, "--adapter", "caddyfile")
	if err != nil {
		return err
	}
	defer gateway.end()

	if err := awaitAnswers(ctx, s.probe(), ended); err != nil {
		return err
	}
	if ctx.Err() == nil {
		s.explain(out, dir)
	}
	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "\nStopping.")
		return nil
	case err := <-ended:
		return err
	}
}

// awaitAnswers returns when all addresses answer, whatever they say.
func awaitAnswers(ctx context.Context, addresses []string, ended <-chan error) error {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	deadline := time.Now().Add(30 * time.Second)
	for _, address := range addresses {
		for {
			response, err := client.Get(address)
			if err == nil {
				response.Body.Close()
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("no answer from %s within 30 seconds: %w", address, errors.Unwrap(err))
			}
			select {
			case <-ctx.Done():
				return nil
			case err := <-ended:
				return err
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	return nil
}
