// doctor_backend_test.go: `caddy wechat doctor --backend`: who else reaches a backend.

package wechat_test

import (
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// A backend that listens on an address of the network is reached past the gate, and
// whoever does that names the user. The doctor must say so, and must not of one that
// listens on loopback alone.
func TestCommandDoctorBackend(t *testing.T) {
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Admin: true})
	alone := listenOn(t, "127.0.0.1:0")
	gw.Wechat(t, "doctor", "--backend", alone).Require(t, 0, "backend "+alone, "answers to this machine alone")
	gw.Wechat(t, "doctor", "--backend", gatewaytest.FreeAddr(t)).Require(t, 0, "RISK", "does not answer: is it running?")
	requireWrong(t, gw.Wechat(t, "doctor", "--backend", "localhost"), "this is no host:port")

	everywhere := listenOn(t, "0.0.0.0:0")
	_, port, err := net.SplitHostPort(everywhere)
	if err != nil {
		t.Fatal(err)
	}
	address := networkAddress(t)
	if address == "" { // a machine without a network: loopback is all that there is
		gw.Wechat(t, "doctor", "--backend", "localhost:"+port).Require(t, 0, "answers to this machine alone")
		return
	}
	open := net.JoinHostPort(address, port)
	for _, backend := range []string{"localhost:" + port, "127.0.0.1:" + port, ":" + port, "0.0.0.0:" + port, open} {
		requireWrong(t, gw.Wechat(t, "doctor", "--backend", backend), "answers on "+open+" past the gate")
	}
	_, port, err = net.SplitHostPort(alone)
	if err != nil {
		t.Fatal(err)
	}
	for _, backend := range []string{":" + port, "0.0.0.0:" + port, "localhost:" + port} {
		gw.Wechat(t, "doctor", "--backend", backend).Require(t, 0, "answers to this machine alone")
	}
	_, port, _ = net.SplitHostPort(everywhere)

	// several at once, for a script: each has its line
	out := gw.Wechat(t, "doctor", "--json", "--backend", alone, "--backend", "localhost:"+port)
	var told struct {
		Found []struct{ About, Level string }
		Wrong int
	}
	if err := json.Unmarshal([]byte(out.Stdout), &told); err != nil {
		t.Fatalf("%v: %q", err, out.Stdout)
	}
	levels := make(map[string]string)
	for _, d := range told.Found {
		levels[d.About] = d.Level
	}
	if out.Code != 1 || told.Wrong != 1 || levels["backend "+alone] != "ok" || levels["backend localhost:"+port] != "wrong" {
		t.Errorf("exit code %d, %d wrong, %v", out.Code, told.Wrong, levels)
	}
}

// requireWrong fails unless the doctor found one thing wrong, this one, and said so.
func requireWrong(t *testing.T, out gatewaytest.Run, text string) {
	t.Helper()
	if out.Code != 1 || !gatewaytest.ContainsAll(out.Stdout, []string{"WRONG", text}) || !strings.Contains(out.Stderr, "1 of ") {
		t.Errorf("exit code %d, stdout %q, stderr %q; want 1 and %q", out.Code, out.Stdout, out.Stderr, text)
	}
}

// listenOn has a backend listen that takes every connection.
func listenOn(t *testing.T, address string) string {
	t.Helper()
	listener, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	return listener.Addr().String()
}

// networkAddress is the first address of this machine that is not its own alone, "" for none.
func networkAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			return n.IP.String()
		}
	}
	return ""
}
