// doctor_test.go: the doctor sees what is open in the running configuration, and what the
// files around it look like.

package integration

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDoctorSeesRisks(t *testing.T) {
	const key = "9f3c1d7ab25e804466c1f7e02d9b8a315ce0947f1ab6d28370e5c9418bf26da3"
	site := "handle /open/* {\n reverse_proxy <UPSTREAM>\n}\nhandle {\n wechat_auth\n reverse_proxy <UPSTREAM>\n}"
	gw := startAdmin(t, setup{Wechat: inMemory, Site: "wechat_auth\nreverse_proxy <UPSTREAM>"})
	gw.wechat(t, "doctor").require(t, 0, "no way past the gate can be told from it")

	file := filepath.Join(gw.Dir, "token.key")
	if err := os.WriteFile(file, []byte(key), 0o644); err != nil {
		t.Fatal(err)
	}
	reload(t, gw, setup{Wechat: inMemory + "token {\n key_file <DIR>/token.key\n}\n", Site: site, Admin: true})
	out := gw.wechat(t, "doctor")
	out.require(t, 0, "site localhost, path /open/*", "is behind wechat_auth elsewhere", "RISK", "can be read by other users", "chmod 600")
	if containsAll(out.stdout, []string{"no way past the gate"}) || containsAll(out.stdout, []string{key}) {
		t.Errorf("%s", out.stdout)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	gw.wechat(t, "doctor").require(t, 0, "no other user of this machine can read the key files")
}
