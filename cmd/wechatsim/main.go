// main.go: flags, the listener and a clean end.

// Command wechatsim plays api.weixin.qq.com, and the phone in front of it, on a port.
//
// It is for development and tests: anyone who reaches the port can log in as anybody. Package wechattest says
// what it plays and from which pages.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Exit codes: 0 after a signal or -help, 1 when the port fails, 2 for bad flags.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, errHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "wechatsim:", err)
		return 2
	}
	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		fmt.Fprintln(stderr, "wechatsim: cannot listen:", err)
		return 1
	}
	if !s.quiet {
		s.options.Logger = slog.New(slog.NewTextHandler(stderr, nil))
	}
	greet(stdout, s, listener.Addr())
	if err := serve(ctx, listener, wechattest.New(s.options)); err != nil {
		fmt.Fprintln(stderr, "wechatsim:", err)
		return 1
	}
	fmt.Fprintln(stdout, "wechatsim has stopped.")
	return 0
}

// serve answers until ctx ends, and then lets answers under way finish.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       20 * time.Second,
		WriteTimeout:      wechattest.MaxDelay + 20*time.Second, // a delay on order is not a stuck client
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
		// A signal ends the delays too, or the shutdown would wait for them.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		server.Close()
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}
