// adapt_test.go: every Caddyfile of testdata/adapt against the JSON, or the
// error, that stands below it.

package wechatauth_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-wechat/caddy-wechat/caddymodule"
)

const (
	adaptAppID  = "wx0123456789abcdef"
	adaptSecret = "00112233445566778899aabbccddeeff"
)

// update has the expectations written anew, to be read before they are kept.
var update = flag.Bool("update", false, "write the expectations of testdata/adapt anew")

// storeNames lists the stores of this build.
func storeNames() string {
	var names []string
	for _, store := range caddy.GetModules("wechat.stores") {
		names = append(names, store.ID.Name())
	}
	return strings.Join(names, ", ")
}

// TestAdapt reads a Caddyfile, a line of ten dashes, and what comes of it: JSON, or
// "error: " and the text that the operator sees. The variables WECHAT_APPID and
// WECHAT_SECRET are set, those whose names begin with UNSET are not. In an error,
// {stores} is the list of the stores of this build.
func TestAdapt(t *testing.T) {
	t.Setenv("WECHAT_APPID", adaptAppID)
	t.Setenv("WECHAT_SECRET", adaptSecret)

	files, err := filepath.Glob(filepath.Join("testdata", "adapt", "*.caddyfiletest"))
	if err != nil {
		t.Fatal(err)
	}
	var good, bad int
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".caddyfiletest")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		input, want, ok := strings.Cut(strings.ReplaceAll(string(data), "\r\n", "\n"), "----------\n")
		if !ok {
			t.Errorf("%s has no line of ten dashes", name)
			continue
		}
		want = strings.TrimSpace(want)
		wantErr, isBad := strings.CutPrefix(want, "error: ")
		wantErr = strings.ReplaceAll(wantErr, "{stores}", storeNames())
		if isBad != strings.HasPrefix(name, "bad_") {
			t.Errorf("%s: files that expect an error, and only they, begin with bad_", name)
		}
		if isBad {
			bad++
		} else {
			good++
		}
		t.Run(name, func(t *testing.T) {
			got, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), map[string]any{"filename": "Caddyfile"})
			for _, w := range warnings {
				t.Errorf("warning: %s", w.String())
			}
			// Caddy stores the JSON and shows it in its admin API; errors go to a log
			if bytes.Contains(got, []byte(adaptSecret)) || err != nil && strings.Contains(err.Error(), adaptSecret) {
				t.Fatal("the secret shows")
			}
			if *update {
				result := "error: " + strings.ReplaceAll(fmt.Sprint(err), storeNames(), "{stores}")
				if err == nil {
					result = indented(t, got)
				}
				if err := os.WriteFile(file, []byte(input+"----------\n"+strings.TrimSpace(result)+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			switch {
			case isBad && err == nil:
				t.Errorf("accepted; want the error\n%s", wantErr)
			case isBad && err.Error() != wantErr:
				t.Errorf("error\n got %s\nwant %s", err, wantErr)
			case isBad:
				if !strings.Contains(err.Error(), "Caddyfile:") {
					t.Errorf("no file and line in: %s", err)
				}
			case err != nil:
				t.Errorf("refused: %v", err)
			default:
				if got, want := indented(t, got), indented(t, []byte(want)); got != want {
					t.Errorf("JSON\n got %s\nwant %s", got, want)
				}
			}
		})
	}
	if good < 15 || bad < 40 {
		t.Errorf("ran %d good and %d bad Caddyfiles: are files missing?", good, bad)
	}
}

// indented gives JSON a form in which a difference is one line.
func indented(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(text), "", "\t"); err != nil {
		t.Fatalf("not JSON: %v", err)
	}
	return b.String()
}
