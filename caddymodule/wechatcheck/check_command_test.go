// check_command_test.go: `caddy wechat check` against real checks, real proxies, and the
// mistakes that it is for.

package wechatcheck_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// The doors of examples/ let nothing through, by the command's own judgement; the one
// limit of Caddy's forward_auth is told.
func TestCheckCommandOnDoors(t *testing.T) {
	eachDoor(t, "", func(t *testing.T, d *door) {
		d.gw.Upstream.SetAnswer(func(r gatewaytest.Request) string {
			return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(r.Bytes), r.Bytes)
		})
		token := d.login(t, gatewaytest.Alice)
		got := gatewaytest.RunCaddy(t, token+"\n", "wechat", "check", d.c.Base+"/api/me", "--token", "-", "--echo", d.c.Base+"/echo", "--logout", d.c.Base+"/wechat/logout")
		if d.kind == "caddy-forward-auth" {
			if got.Code != 1 || strings.Count(got.Stdout, "THROUGH") != 1 || !strings.Contains(unwrapped(got.Stdout), "in a trailer, reaches the backend") {
				t.Errorf("%d\n%s\n%s", got.Code, got.Stdout, got.Stderr)
			}
		} else if got.Code != 0 || !strings.Contains(got.Stdout, "Nothing got through.") {
			t.Errorf("%d\n%s\n%s", got.Code, got.Stdout, got.Stderr)
		}
		if strings.Contains(unwrapped(got.Stdout), "something that is no gate") || strings.Contains(unwrapped(got.Stdout), "in other words") {
			t.Errorf("a false alarm:\n%s", got.Stdout)
		}
		if strings.Contains(got.Stdout+got.Stderr, token) || strings.Contains(got.Stdout+got.Stderr, gatewaytest.Alice) {
			t.Error("the command shows the token, or the user")
		}
	})
}

// unwrapped is what the command says, in one line.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestCheckCommand(t *testing.T) {
	gw, c := startCheck(t, "", "")
	token := gatewaytest.Login(t, gw, gatewaytest.Alice)
	got := gatewaytest.RunCaddy(t, token, "wechat", "check", c.Base+"/", "--token", "-")
	if got.Code != 0 || !strings.Contains(got.Stdout, "Asked a wechat_check ") || !strings.Contains(got.Stdout, "Nothing got through.") || !strings.Contains(unwrapped(got.Stdout), "OPTIONS *") {
		t.Errorf("%d\n%s\n%s", got.Code, got.Stdout, got.Stderr)
	}
	// a page that the gateway itself guards
	got = gatewaytest.RunCaddy(t, token, "wechat", "check", gw.H1.Base+"/api/me", "--token", "-")
	if got.Code != 0 || !strings.Contains(got.Stdout, "Asked a page ") {
		t.Errorf("%d\n%s\n%s", got.Code, got.Stdout, got.Stderr)
	}
	// a Caddy site that does not match, and a page without a guard
	for target, text := range map[string]string{"http://127.0.0.1:" + gatewaytest.PortOf(gw.HTTP): "an empty 200", "http://" + gw.Upstream.Addr + "/x": "let through with 200"} {
		got = gatewaytest.RunCaddy(t, "", "wechat", "check", target)
		if got.Code != 1 || !strings.Contains(unwrapped(got.Stdout), text) || !strings.Contains(got.Stdout, "Mend it:") || !strings.Contains(got.Stderr, "something got through") {
			t.Errorf("%s: %d\n%s\n%s", target, got.Code, got.Stdout, got.Stderr)
		}
	}
	for _, args := range [][]string{{}, {"x"}, {"http://127.0.0.1:1/"}, {c.Base, "--echo", c.Base}, {c.Base, "--token", "/nonexistent"}, {c.Base, token}} {
		got = gatewaytest.RunCaddy(t, "", append([]string{"wechat", "check"}, args...)...)
		if got.Code == 0 || strings.Contains(got.Stdout+got.Stderr, token) {
			t.Errorf("%q: %d\n%s\n%s", args, got.Code, got.Stdout, got.Stderr)
		}
	}
}

// A backend that nothing guards does not pass, though it has no such page.
func TestCheckCommandOnBackends(t *testing.T) {
	gw, _ := startCheck(t, "", "")
	for _, status := range []string{"404 Not Found", "403 Forbidden", "405 Method Not Allowed", "302 Found\r\nLocation: /elsewhere", "500 Internal Server Error"} {
		gw.Upstream.SetAnswer(func(gatewaytest.Request) string {
			return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n{\"error\":\"not found\"}"
		})
		gw.Upstream.Reset()
		got := gatewaytest.RunCaddy(t, "", "wechat", "check", "http://"+gw.Upstream.Addr+"/")
		if got.Code != 1 || !strings.Contains(got.Stdout, "NO GATE") || strings.Contains(got.Stdout, "Nothing got through") || !strings.Contains(got.Stderr, "nothing shows a gate") {
			t.Errorf("%s: %d\n%s\n%s", status, got.Code, got.Stdout, got.Stderr)
		}
		if r := gw.Upstream.Only(t); r.Method != "GET" {
			t.Errorf("%s: %s was sent", status, r.Method)
		}
	}
}

// Nor does a door that lets preflights in to a backend that does not answer them.
func TestCheckCommandOnOpenDoors(t *testing.T) {
	d := startDoor(t, "nginx", gatewaytest.InMemory, "#if ($wechat_preflight)", "if ($wechat_preflight)")
	for status, code := range map[string]int{"404 Not Found": 1, "400 Bad Request": 1, "405 Method Not Allowed": 0} {
		d.gw.Upstream.SetAnswer(func(gatewaytest.Request) string { return "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n\r\n" })
		got := gatewaytest.RunCaddy(t, "", "wechat", "check", d.c.Base+"/api/me")
		if got.Code != code || !strings.Contains(unwrapped(got.Stdout), "a CORS preflight") || !strings.Contains(unwrapped(got.Stdout), "answered "+status[:3]) {
			t.Errorf("%s: %d\n%s\n%s", status, got.Code, got.Stdout, got.Stderr)
		}
	}
}

func TestCheckCommandOptional(t *testing.T) {
	_, c := startCheck(t, "optional", "")
	got := gatewaytest.RunCaddy(t, "", "wechat", "check", c.Base+"/")
	if got.Code != 0 || !strings.Contains(got.Stdout, "optional") {
		t.Errorf("%d\n%s\n%s", got.Code, got.Stdout, got.Stderr)
	}
}
