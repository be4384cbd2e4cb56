// built.go: the built programs, as processes of a test.

// Package built runs bin/caddy and bin/wechatsim for tests that need the programs as
// they are shipped. Each has a data directory of its own, and ends with the test.
package built

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/tools/internal/child"
)

// Start runs a program in a directory until the test ends, and returns when it listens
// at the address. CADDY_WECHAT_TEST_BIN is the directory of the programs; by default
// it is the one that make build fills.
func Start(t *testing.T, dir, program, address string, args ...string) {
	t.Helper()
	bin := os.Getenv("CADDY_WECHAT_TEST_BIN")
	if bin == "" {
		bin = "../../bin"
	}
	path, err := filepath.Abs(filepath.Join(bin, program))
	if err != nil {
		t.Fatal(err)
	}
	c, err := child.Start(dir, program, append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir), path, args...)
	if err != nil {
		t.Fatalf("%v (make build makes it)", err)
	}
	t.Cleanup(func() { c.End() })
	if err := c.Listens(t.Context(), address); err != nil {
		t.Fatal(err)
	}
}

// Caddy runs the gateway with a Caddyfile, whose global options it begins with those
// that keep a test to itself.
func Caddy(t *testing.T, address, wechat, sites string) {
	t.Helper()
	home := t.TempDir()
	text := `{
	admin off
	persist_config off
	auto_https off
	default_bind 127.0.0.1
	storage file_system storage
	wechat {
		store memory
		` + wechat + `
	}
}
` + sites
	if err := os.WriteFile(filepath.Join(home, "Caddyfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	Start(t, home, "caddy", address, "run", "--config", "Caddyfile", "--adapter", "caddyfile")
}

// FreePort returns an address of this machine at which nothing listens.
func FreePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
