// check_command_test.go: `caddy wechat check` against real checks, real proxies, and the
// mistakes that it is for.

package integration

import (
	"fmt"
	"strings"
	"testing"
)

// The doors of examples/ let nothing through, by the command's own judgement; the one
// limit of Caddy's forward_auth is told.
func TestCheckCommandOnDoors(t *testing.T) {
	eachDoor(t, "", func(t *testing.T, d *door) {
		d.gw.up.SetAnswer(func(r request) string {
			return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(r.raw), r.raw)
		})
		token := d.login(t, alice)
		got := runCaddy(t, token+"\n", "wechat", "check", d.c.Base+"/api/me", "--token", "-", "--echo", d.c.Base+"/echo", "--logout", d.c.Base+"/wechat/logout")
		if d.kind == "caddy-forward-auth" {
			if got.code != 1 || strings.Count(got.stdout, "THROUGH") != 1 || !strings.Contains(got.stdout, "in a trailer, reaches the backend") {
				t.Errorf("%d\n%s\n%s", got.code, got.stdout, got.stderr)
			}
		} else if got.code != 0 || !strings.Contains(got.stdout, "Nothing got through.") {
			t.Errorf("%d\n%s\n%s", got.code, got.stdout, got.stderr)
		}
		if strings.Contains(got.stdout+got.stderr, token) || strings.Contains(got.stdout+got.stderr, alice) {
			t.Error("the command shows the token, or the user")
		}
	})
}

func TestCheckCommand(t *testing.T) {
	gw, c := startCheck(t, "", "")
	token := login(t, gw, alice)
	got := runCaddy(t, token, "wechat", "check", c.Base+"/", "--token", "-")
	if got.code != 0 || !strings.Contains(got.stdout, "Asked a wechat_check ") || !strings.Contains(got.stdout, "Nothing got through.") || !strings.Contains(got.stdout, "OPTIONS *") {
		t.Errorf("%d\n%s\n%s", got.code, got.stdout, got.stderr)
	}
	// a page that the gateway itself guards
	got = runCaddy(t, token, "wechat", "check", gw.h1.Base+"/api/me", "--token", "-")
	if got.code != 0 || !strings.Contains(got.stdout, "Asked a page ") {
		t.Errorf("%d\n%s\n%s", got.code, got.stdout, got.stderr)
	}
	// a Caddy site that does not match, and a page without a guard
	for target, text := range map[string]string{"http://127.0.0.1:" + portOf(gw.HTTP): "an empty 200", "http://" + gw.up.Addr + "/x": "let through with 200"} {
		got = runCaddy(t, "", "wechat", "check", target)
		if got.code != 1 || !strings.Contains(got.stdout, text) || !strings.Contains(got.stdout, "Mend it:") || !strings.Contains(got.stderr, "something got through") {
			t.Errorf("%s: %d\n%s\n%s", target, got.code, got.stdout, got.stderr)
		}
	}
	for _, args := range [][]string{{}, {"x"}, {"http://127.0.0.1:1/"}, {c.Base, "--echo", c.Base}, {c.Base, "--token", "/nonexistent"}, {c.Base, token}} {
		got = runCaddy(t, "", append([]string{"wechat", "check"}, args...)...)
		if got.code == 0 || strings.Contains(got.stdout+got.stderr, token) {
			t.Errorf("%q: %d\n%s\n%s", args, got.code, got.stdout, got.stderr)
		}
	}
}

func TestCheckCommandOptional(t *testing.T) {
	_, c := startCheck(t, "optional", "")
	got := runCaddy(t, "", "wechat", "check", c.Base+"/")
	if got.code != 0 || !strings.Contains(got.stdout, "optional") {
		t.Errorf("%d\n%s\n%s", got.code, got.stdout, got.stderr)
	}
}
