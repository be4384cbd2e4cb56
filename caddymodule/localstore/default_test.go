// default_test.go: where the session file is when nobody says so.

package localstore

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
	"github.com/caddyserver/certmagic"
)

func init() { caddy.RegisterModule(elsewhere{}) }

// elsewhere is a storage that is no directory.
type elsewhere struct{ certmagic.Storage }

func (elsewhere) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.storage.elsewhere", New: func() caddy.Module { return new(elsewhere) }}
}

func (e elsewhere) CertMagicStorage() (certmagic.Storage, error) { return e, nil }

// The file goes with Caddy's storage, where that is a directory.
func TestDefaultFile(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	t.Setenv("XDG_DATA_HOME", data)
	for _, tt := range []struct{ storage, want string }{
		{`{"module":"file_system","root":"` + dir + `"}`, dir + "/wechat/sessions.db"},
		{`{"module":"elsewhere"}`, data + "/caddy/wechat/sessions.db"},
	} {
		ctx, err := caddy.ProvisionContext(&caddy.Config{StorageRaw: json.RawMessage(tt.storage)})
		if err != nil {
			t.Fatal(err)
		}
		var s Store
		if err := s.Provision(ctx); err != nil {
			t.Fatalf("%s: Provision = %v, want nil", tt.storage, err)
		}
		if err := s.Start(); err != nil {
			t.Errorf("%s: Start = %v, want nil", tt.storage, err)
		}
		cleanup(t, &s)
		if _, err := os.Stat(filepath.FromSlash(tt.want)); err != nil {
			t.Errorf("%s: %v", tt.storage, err)
		}
	}
	ctx, err := caddy.ProvisionContext(&caddy.Config{})
	if err != nil {
		t.Fatal(err)
	}
	// this process reads its environment once, at its start
	want := filepath.Join(caddy.DefaultStorage.Path, "wechat", "sessions.db")
	if file, err := new(Store).file(ctx); err != nil || file != want {
		t.Errorf("the default file is %s, %v, want %s", file, err, want)
	}
}
