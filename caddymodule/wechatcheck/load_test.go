// load_test.go: every Caddyfile of testdata/load against the JSON, or the error, that is
// below it. What the adapter takes is loaded, too: some mistakes show only then.

package wechatcheck_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

var update = flag.Bool("update", false, "write what came out below the Caddyfiles of testdata/load")

const dashes = "----------\n"

// TestLoad reads a Caddyfile, or JSON where the file's name begins with json_, a line
// of ten dashes, and what comes of it: JSON, "loads" for JSON, or "error: " and the
// text that the operator sees. Files of errors have bad_ in their names.
func TestLoad(t *testing.T) {
	t.Setenv("WECHAT_APPID", gatewaytest.AppID)
	t.Setenv("WECHAT_SECRET", gatewaytest.AppSecret)
	files, err := filepath.Glob(filepath.Join("testdata", "load", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	good, bad := 0, 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		isBad := strings.HasPrefix(strings.TrimPrefix(name, "json_"), "bad_")
		if isBad {
			bad++
		} else {
			good++
		}
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(text), dashes)
			got := outcome(t, input, strings.HasPrefix(name, "json_"))
			if strings.Contains(got, gatewaytest.AppSecret) {
				t.Fatal("the secret shows")
			}
			if strings.HasPrefix(got, "error: ") != isBad {
				t.Fatalf("files that expect an error, and only they, begin with bad_; got\n%s", got)
			}
			if *update {
				if err := os.WriteFile(file, []byte(input+dashes+got+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want = strings.TrimSpace(want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	if good < 8 || bad < 25 {
		t.Errorf("ran %d good and %d bad files: are some missing?", good, bad)
	}
}

// outcome is what comes of a configuration.
func outcome(t *testing.T, input string, isJSON bool) string {
	t.Helper()
	config := []byte(input)
	if !isJSON {
		var err error
		config, _, err = caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), map[string]any{"filename": "Caddyfile"})
		if err != nil {
			return "error: " + err.Error()
		}
	}
	if err := caddy.Validate(gatewaytest.Contained(t, config)); err != nil {
		return "error: " + err.Error()
	}
	if isJSON {
		return "loads"
	}
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(config), "", "\t"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
