// caddyfiles_test.go: every Caddyfile of the pages starts, keeps strangers out and lets a login in.

package docs

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-wechat/caddy-wechat/caddymodule"
)

// example is one configuration of a page.
type example struct {
	page, text string
	json       bool
}

var heredoc = regexp.MustCompile(`(?ms)^cat > Caddyfile <<'END'\n(.*?)^END$`)

// examples are all configurations of all pages: blocks of their own, and those that a
// shell block writes into a file.
func examples(t *testing.T) []example {
	t.Helper()
	var found []example
	for _, page := range pages(t) {
		for _, block := range blocks(read(t, page)) {
			switch block.language {
			case "caddyfile":
				found = append(found, example{page: page, text: block.text})
			case "json":
				if strings.Contains(block.text, `"apps"`) {
					found = append(found, example{page: page, text: block.text, json: true})
				}
			case "sh":
				for _, match := range heredoc.FindAllStringSubmatch(block.text, -1) {
					found = append(found, example{page: page, text: match[1]})
				}
			}
		}
	}
	return found
}

// TestCaddyfiles has Caddy adapt and start every configuration of the pages, with ports
// and a certificate authority of this machine in place of the real ones and the simulator
// in place of WeChat. Then each site is asked without a session, and after a login.
func TestCaddyfiles(t *testing.T) {
	var ran counts
	for _, e := range examples(t) {
		t.Run(filepath.Base(e.page), func(t *testing.T) { start(t, e).check(t, &ran) })
	}
	t.Logf("%d configurations started, %d refusals, %d logins", ran.started, ran.refused, ran.loggedIn)
	if ran.started < 36 || ran.refused < 36 || ran.loggedIn < 28 {
		t.Errorf("only %d configurations started, with %d refusals and %d logins: is the search broken?", ran.started, ran.refused, ran.loggedIn)
	}
}

type counts struct{ started, refused, loggedIn int }

var variable = regexp.MustCompile(`\{(?:\$|env\.)([A-Z_0-9]+)\}`)

// fillIn sets the environment variables that a configuration names.
func fillIn(t *testing.T, text string) {
	t.Helper()
	for i, match := range variable.FindAllStringSubmatch(text, -1) {
		if os.Getenv(match[1]) != "" {
			continue
		}
		value := "a-secret-of-thirty-two-characters"
		switch {
		case strings.HasSuffix(match[1], "APPID"):
			value = fmt.Sprintf("wx00000000000000%x0", i%16)
		case strings.HasSuffix(match[1], "AES_KEY"):
			value = strings.Repeat("a", 42) + "A"
		case strings.HasSuffix(match[1], "PUSH_TOKEN"):
			value = "Token123"
		}
		t.Setenv(match[1], value)
	}
}

// start adapts a configuration and runs what came of it. The test's end ends it.
func start(t *testing.T, e example) *running {
	t.Helper()
	fillIn(t, e.text)
	config := []byte(e.text)
	if !e.json {
		adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt(config, map[string]any{"filename": "Caddyfile"})
		if err != nil {
			t.Fatalf("%v\n%s", err, e.text)
		}
		for _, warning := range warnings {
			t.Errorf("%s\n%s", warning.Message, e.text)
		}
		config = adapted
	}
	// a file of a machine that we are not on
	config = bytes.ReplaceAll(config, []byte("/etc/caddy/wechat.key"), []byte(keyFile(t)))
	r := move(t, config)
	var c caddy.Config
	if err := json.Unmarshal(r.config(t), &c); err != nil {
		t.Fatal(err)
	}
	persist := false
	c.Admin = &caddy.AdminConfig{Disabled: true, Config: &caddy.ConfigSettings{Persist: &persist}}
	if err := caddy.Run(&c); err != nil {
		t.Fatalf("%v\n%s", err, e.text)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func keyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wechat.key")
	if err := os.WriteFile(path, []byte(rand.Text()+rand.Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
