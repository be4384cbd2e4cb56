// validated_test.go: `caddy validate` says what is open, and what will not start.

package wechat_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

func TestValidateTellsWhatIsOpen(t *testing.T) {
	const global = "{\n admin off\n http_port 9080\n https_port 9443\n storage file_system <DIR>\n wechat {\n" +
		"  app " + gatewaytest.AppID + " " + gatewaytest.AppSecret + "\n  <OPTION>\n }\n}\n"
	const open = "http://a.test:9080 {\n handle /open/* {\n  reverse_proxy localhost:3000\n }\n handle {\n  wechat_auth\n  reverse_proxy localhost:3000\n }\n}\n"
	const told = "open configuration: localhost:3000 is behind wechat_auth elsewhere"
	for name, test := range map[string]struct {
		config string
		want   string // once; empty: no warning
	}{
		"open":                       {global + open, told},
		"open, and meant":            {strings.Replace(global, "<OPTION>", "unguarded localhost:3000", 1) + open, ""},
		"guarded":                    {global + "http://a.test:9080 {\n wechat_auth\n reverse_proxy localhost:3000\n}\n", ""},
		"a check that is not alone":  {global + "http://:9180 {\n bind 127.0.0.1\n wechat_check\n}\n", ""},
		"what only a start can tell": {global + "http://:9180 {\n bind 127.0.0.1\n wechat_check\n}\nhttp://a.test:9180 {\n bind 0.0.0.0\n respond 200\n}\n", "this configuration will not start"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "Caddyfile")
			text := strings.NewReplacer("<DIR>", dir, "<OPTION>", "").Replace(test.config)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 3 { // Caddy provisions apps, and ends them, in any order
				for _, command := range []string{"validate", "adapt --validate"} {
					got := gatewaytest.RunCaddy(t, "", append(strings.Fields(command), "--config", file, "--adapter", "caddyfile")...)
					if got.Code != 0 {
						t.Fatalf("caddy %s: exit code %d\n%s", command, got.Code, got.Stderr)
					}
					if test.want != "" && strings.Count(got.Stderr, test.want) != 1 {
						t.Errorf("caddy %s says\n%s\nwant once %q", command, got.Stderr, test.want)
					}
					if test.want == "" && (strings.Contains(got.Stderr, "open configuration") || strings.Contains(got.Stderr, "will not start")) {
						t.Errorf("caddy %s says\n%s", command, got.Stderr)
					}
				}
			}
			if test.want == told {
				got := gatewaytest.RunCaddy(t, "", "validate", "--config", file, "--adapter", "caddyfile")
				if !gatewaytest.ContainsAll(got.Stderr, []string{"a.test", "/open/*", "warn"}) {
					t.Errorf("site, path and level are missing\n%s", got.Stderr)
				}
			}
		})
	}
}
