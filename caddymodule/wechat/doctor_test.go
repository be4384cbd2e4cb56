// doctor_test.go: the doctor sees what is open in the running configuration, and what the
// files around it look like.

package wechat_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

func TestDoctorSeesRisks(t *testing.T) {
	const key = "9f3c1d7ab25e804466c1f7e02d9b8a315ce0947f1ab6d28370e5c9418bf26da3"
	site := "handle /open/* {\n reverse_proxy <UPSTREAM>\n}\nhandle {\n wechat_auth\n reverse_proxy <UPSTREAM>\n}"
	gw := gatewaytest.StartAdmin(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory, Site: "wechat_auth\nreverse_proxy <UPSTREAM>"})
	gw.Wechat(t, "doctor").Require(t, 0, "no way past the gate can be told from it")

	file := filepath.Join(gw.Dir, "token.key")
	if err := os.WriteFile(file, []byte(key), 0o644); err != nil {
		t.Fatal(err)
	}
	gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory + "token {\n key_file <DIR>/token.key\n}\n", Site: site, Admin: true})
	out := gw.Wechat(t, "doctor")
	out.Require(t, 0, "site localhost, path /open/*", "is behind wechat_auth elsewhere", "RISK", "can be read by other users", "chmod 600")
	if gatewaytest.ContainsAll(out.Stdout, []string{"no way past the gate"}) || gatewaytest.ContainsAll(out.Stdout, []string{key}) {
		t.Errorf("%s", out.Stdout)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	gw.Wechat(t, "doctor").Require(t, 0, "no other user of this machine can read the key files")
}
