// mistakes_load_test.go: what operators get wrong, and are told when a configuration is
// loaded: what it is, what to do, and where.

package wechatauth_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

func TestMistakesAtLoad(t *testing.T) {
	gw := gatewaytest.Start(t, gatewaytest.Setup{Site: "respond hello"})
	for name, content := range map[string]string{"empty.key": "", "short.key": "abc", "hex.key": "9f3c1d7ab25e804466c1f7e02d9b8a315ce0947f1ab6d28370e5c9418bf26da3", "nothing.txt": "\n", "no.db": strings.Repeat("no database ", 1000)} {
		if err := os.WriteFile(filepath.Join(gw.Dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("MISTAKES_EMPTY", "")
	t.Setenv("MISTAKES_URL", "redis://:pa55word@127.0.0.1:6379/x")
	tokens := func(lines string) string { return gatewaytest.InMemory + "token {\n" + lines + "\n}\n" }
	for _, test := range []struct {
		name, wechat, sites string
		line                string // what the line named in the error begins with; empty for none
		says                []string
	}{
		{"a variable that is not set", gatewaytest.InMemory + "app " + gatewaytest.AppB + " {env.MISTAKES_UNSET}", "", "app " + gatewaytest.AppB, []string{"the secret of app " + gatewaytest.AppB, "{env.MISTAKES_UNSET} is not set or is empty: set the environment variable"}},
		{"an empty variable", gatewaytest.InMemory + "app " + gatewaytest.AppB + " {env.MISTAKES_EMPTY}", "", "app " + gatewaytest.AppB, []string{"set the environment variable"}},
		{"a file that is missing", gatewaytest.InMemory + "app " + gatewaytest.AppB + " {file.<DIR>/nope}", "", "app " + gatewaytest.AppB, []string{"is empty or cannot be read: put the value into the file"}},
		{"an empty file", gatewaytest.InMemory + "app " + gatewaytest.AppB + " {file.<DIR>/nothing.txt}", "", "app " + gatewaytest.AppB, []string{"put the value into the file"}},
		{"an appid by a variable", gatewaytest.InMemory + "app {env.MISTAKES_UNSET} x", "", "app {env", []string{"set the environment variable"}},
		{"a push token by a variable", gatewaytest.InMemory + "app " + gatewaytest.AppB + " x {\n push {env.MISTAKES_UNSET}\n}", "", "app " + gatewaytest.AppB, []string{"the push token of app " + gatewaytest.AppB, "set the environment variable"}},
		{"api_base by a variable", gatewaytest.InMemory + "open_base {env.MISTAKES_UNSET}", "", "open_base", []string{"open_base: {env.MISTAKES_UNSET}", "set the environment variable"}},
		{"an issuer by a variable", tokens("issuer {env.MISTAKES_UNSET}"), "", "issuer", []string{"token issuer", "set the environment variable"}},
		{"a key file that is missing", tokens("key_file <DIR>/nope.key"), "", "key_file", []string{"nope.key", "no such file", "make it with: openssl rand -hex 32"}},
		{"an empty key file", tokens("key_file <DIR>/empty.key"), "", "key_file", []string{"is empty", "openssl rand -hex 32"}},
		{"a short key file", tokens("key_file <DIR>/short.key"), "", "key_file", []string{"at least 32", "openssl rand -hex 32"}},
		{"a key file of another algorithm", tokens("algorithm EdDSA\nkey_file <DIR>/hex.key"), "", "key_file", []string{"PEM", "openssl genpkey -algorithm ed25519"}},
		{"a directory for a key file", tokens("key_file <DIR>"), "", "key_file", []string{"is a directory; name the file in it"}},
		{"key_file by a variable", tokens("key_file {env.MISTAKES_UNSET}"), "", "key_file", []string{"set the environment variable"}},
		{"a seal key file that is missing", "store local <DIR>/a.db\nseal_key_file <DIR>/nope.key", "", "seal_key_file", []string{"nope.key", "no such file", "openssl rand -hex 32"}},
		{"a store that is a directory", "store local <DIR>", "", "store", []string{"it is not a session file; it is left as it is: name another file, or move it away"}},
		{"a store that is no database", "store local <DIR>/no.db", "", "store", []string{"it is not a session file", "name another file, or move it away"}},
		{"a store in a directory that is a file", "store local <DIR>/hex.key/x.db", "", "store", []string{"not a directory", "name a file in a directory, or move that file away"}},
		{"a Redis URL by a variable", "store redis {env.MISTAKES_UNSET}", "", "store", []string{"set the environment variable"}},
		{"a bad Redis URL by a variable", "store redis {env.MISTAKES_URL}", "", "store", []string{"url"}},
		{"a relay key by a variable", gatewaytest.InMemory, "http://:<OTHERPORT> {\n bind 127.0.0.1\n wechat_api {\n key {env.MISTAKES_UNSET}\n }\n}\n", "key {env", []string{"wechat_api key", "set the environment variable"}},
	} {
		t.Run(name(test.name), func(t *testing.T) {
			s := gatewaytest.Setup{Wechat: test.wechat + "\n", Site: "respond hello", Sites: strings.ReplaceAll(test.sites, "<OTHERPORT>", gatewaytest.PortOf(gatewaytest.FreeAddr(t)))}
			err := gw.Load(s)
			if err == nil {
				t.Fatal("loaded")
			}
			t.Log(err)
			text := err.Error()
			for _, want := range test.says {
				if !strings.Contains(text, want) {
					t.Errorf("%q is missing", want)
				}
			}
			if strings.Contains(text, "pa55word") || strings.Contains(text, "9f3c1d7a") {
				t.Error("a secret is shown")
			}
			for n, line := range strings.Split(gw.Caddyfile(s), "\n") {
				if strings.HasPrefix(strings.TrimSpace(line), test.line) && !strings.HasSuffix(text, fmt.Sprintf(", at Caddyfile:%d", n+1)) {
					t.Errorf("the line is not named: Caddyfile:%d, %s", n+1, line)
				}
			}
		})
	}
	// the lines are for errors: a configuration without mistakes loads with them
	if err := gw.Load(gatewaytest.Setup{Wechat: tokens("key_file <DIR>/hex.key"), Site: "respond hello"}); err != nil {
		t.Error(err)
	}
}

func name(text string) string { return strings.ReplaceAll(text, " ", "-") }
