// openings_log_test.go: a configuration that is open says so in the log when it is loaded,
// and does what the warning says.

package wechat_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

func TestOpenConfigurationIsTold(t *testing.T) {
	site := "handle /open/* {\n reverse_proxy <UPSTREAM>\n}\nhandle {\n wechat_auth\n reverse_proxy <UPSTREAM>\n}"
	gw := gatewaytest.Start(t, gatewaytest.Setup{Site: site})
	line := gw.AwaitLog(t, `"warn"`, "open configuration: ", "is behind wechat_auth elsewhere")
	if line["site"] != "localhost" || line["path"] != "/open/*" || !strings.Contains(line["msg"].(string), "unguarded "+gw.Upstream.Addr) {
		t.Errorf("told as %v", line)
	}
	// it is true
	got := gw.H1.Do(t, gatewaytest.Call{Target: "/open/x", Header: gatewaytest.Header("X-WeChat-OpenID", gatewaytest.Eve)})
	if seen := gw.Upstream.Only(t); got.Status != 200 || !strings.Contains(seen.Raw, gatewaytest.Eve) {
		t.Errorf("a forged header does not pass: %d", got.Status)
	}

	told := strings.Count(gw.Logs(t), "open configuration")
	gatewaytest.Reload(t, gw, gatewaytest.Setup{Site: site, Wechat: "unguarded <UPSTREAM>"})
	if n := strings.Count(gw.Logs(t), "open configuration"); n != told {
		t.Error("told of what is meant")
	}

	key := filepath.Join(gw.Dir, "token.key")
	if err := os.WriteFile(key, []byte("9f3c1d7ab25e804466c1f7e02d9b8a315ce0947f1ab6d28370e5c9418bf26da3"), 0o644); err != nil {
		t.Fatal(err)
	}
	keyed := gatewaytest.Setup{Wechat: "token {\n key_file <DIR>/token.key\n}"}
	gatewaytest.Reload(t, gw, keyed)
	gw.AwaitLog(t, `"warn"`, "token key_file", "can be read by other users", "chmod 600", key, ", at Caddyfile:")
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	told = strings.Count(gw.Logs(t), "can be read by other users")
	gatewaytest.Reload(t, gw, keyed)
	if n := strings.Count(gw.Logs(t), "can be read by other users"); n != told {
		t.Error("told of a file that nobody else can read")
	}
}
