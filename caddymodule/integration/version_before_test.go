// version_before_test.go: an upgrade keeps sessions: the gateway of today starts on the
// data that former versions left.

package integration

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// Who was logged in still is, with what was known of them; who had logged out is out;
// and the old session ends by a logout of today, also across another start.
func TestVersionBefore(t *testing.T) {
	const kept = "../localstore/testdata/versions"
	dirs, err := filepath.Glob(kept + "/*/storage")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no data of former versions in %s: %v", kept, err)
	}
	for _, storage := range dirs {
		version := filepath.Dir(storage)
		t.Run(filepath.Base(version), func(t *testing.T) {
			lives, ended := oldToken(t, version, "lives.txt"), oldToken(t, version, "ended.txt")

			// the addresses and the clients of a gateway that then makes room
			gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: "store memory\n"})
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
			gw.HangUp()
			if err := os.RemoveAll(filepath.Join(gw.Dir, "storage")); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(filepath.Join(gw.Dir, "storage"), os.DirFS(storage)); err != nil {
				t.Fatal(err)
			}
			again := func() {
				t.Helper()
				if err := gw.Load(gatewaytest.Setup{}); err != nil {
					t.Fatal(err)
				}
			}
			again()

			requireSession(t, gw, lives, true)
			session := gatewaytest.SessionOf(t, gw, lives)
			if session["openid"] != gatewaytest.Alice || session["userinfo"] == nil {
				t.Errorf("the old session is of %v, with user info: %v", session["openid"], session["userinfo"] != nil)
			}
			requireSession(t, gw, ended, false)
			requireSession(t, gw, gatewaytest.Login(t, gw, gatewaytest.Eve), true)

			gatewaytest.RequireStatus(t, gw.H1.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: lives}), 204)
			if err := caddy.Stop(); err != nil {
				t.Fatal(err)
			}
			gw.HangUp()
			again()
			requireSession(t, gw, lives, false)
		})
	}
}

// oldToken reads a token, and fails once its time is over: then it proves nothing.
func oldToken(t *testing.T, version, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(version, name))
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(text))
	var claims struct{ Exp int64 }
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	if raw, err := base64.RawURLEncoding.DecodeString(payload); err != nil || json.Unmarshal(raw, &claims) != nil {
		t.Fatalf("%s of %s is no token", name, version)
	}
	if end := time.Unix(claims.Exp, 0); time.Now().After(end) {
		t.Fatalf("the data in %s ended on %s: make it anew, as its README says", version, end.Format(time.DateOnly))
	}
	return token
}
