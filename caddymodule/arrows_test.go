// arrows_test.go: imports run one way, and the engine knows no Caddy.

package caddymodule

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/caddy-wechat/caddy-wechat/caddymodule"

// floors are the packages from the ground up: each may import those of lower floors
// only. A package that is not named here fails the test, so that it gets its place.
var floors = [][]string{
	{"session", "internal/doorcheck", "internal/fileaccess", "internal/opendata", "internal/span", "internal/version", "internal/oneshot", "internal/redact", "internal/ascii", "internal/freeport", "internal/keylock", "wechattest"},
	{"internal/secretfile", "internal/keydoc"},
	{"internal/token", "internal/seal", "internal/weixin", "internal/message", "session/sessiontest"},
	{"internal/apps", "internal/weblogin", "localstore", "memorystore", "redisstore"},
	{"internal/gate", "internal/login", "internal/keys", "internal/relay"},
	{"internal/problem"},
	{"internal/observe"},
	{"internal/vouch"},
	{"internal/endpoint"},
	{"internal/engine"},
	{"internal/option", "internal/reach", "internal/openconfig"},
	{"wechat"},
	{"wechatauth", "wechathealth", "wechatcheck", "wechatapi", "wechatpush"},
	{""},
	{"internal/gatewaytest"}, // for tests: nothing below can import it
	{"integration"},
}

// caddyFloor is the first floor that may import Caddy; below it only the stores may,
// which are modules as well.
const caddyFloor = "internal/option"

func TestArrows(t *testing.T) {
	text, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	floorOf := func(name string) int {
		return slices.IndexFunc(floors, func(floor []string) bool { return slices.Contains(floor, name) })
	}
	caddyFrom := floorOf(caddyFloor)
	packages := 0
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(strings.TrimPrefix(fields[0], module), "/")
		floor := floorOf(name)
		if owner, _, inner := strings.Cut(name, "/internal/"); inner {
			floor = floorOf(owner) - 1 // below its owner, and for it alone
		}
		if floor < 0 {
			t.Errorf("package %q has no floor: give it one", name)
			continue
		}
		packages++
		for _, imported := range fields[1:] {
			if rest, ours := strings.CutPrefix(imported, module); ours {
				below := strings.TrimPrefix(rest, "/")
				if below == "internal/option" && strings.HasSuffix(name, "store") {
					continue // they are modules, and read options as others do
				}
				// a package's own inner packages are its own business; so are theirs
				if floorOf(below) >= floor && !strings.HasPrefix(below, name+"/internal/") {
					t.Errorf("%s imports %s, which is not below it", name, below)
				}
			}
			isStore := strings.HasSuffix(name, "store")
			if strings.HasPrefix(imported, "github.com/caddyserver/caddy/v2") && floor < caddyFrom && !isStore {
				t.Errorf("%s knows no Caddy, and imports %s", name, imported)
			}
		}
	}
	if packages < 20 {
		t.Errorf("only %d packages were looked at", packages)
	}
}
