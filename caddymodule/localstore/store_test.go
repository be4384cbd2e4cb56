// store_test.go: the Caddy module, over reloads good and bad.

package localstore

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// validated is a store of a configuration that is not started, or not yet.
func validated(t *testing.T, file string, maxSessions int) *Store {
	t.Helper()
	s := &Store{File: file, MaxSessions: maxSessions}
	if err := s.Provision(caddy.Context{}); err != nil {
		t.Fatalf("Provision = %v, want nil", err)
	}
	return s
}

func provision(t *testing.T, file string, maxSessions int) *Store {
	t.Helper()
	s := validated(t, file, maxSessions)
	if err := s.Start(); err != nil {
		t.Fatalf("Start = %v, want nil", err)
	}
	return s
}

func cleanup(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Cleanup(); err != nil {
		t.Errorf("Cleanup = %v, want nil", err)
	}
}

// Caddy provisions the new configuration before it cleans the old one up, and
// may name the same file in another way.
func TestSessionsSurviveReloadAndRestart(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	file := filepath.Join(dir, "sessions.db")
	first := provision(t, file, 0)
	mustCreate(t, first, "a", "u")
	_, lease, _ := first.Get(ctx, "a")

	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	second := provision(t, filepath.Join(link, ".", "sessions.db"), 7)
	other := provision(t, filepath.Join(dir, "other.db"), 0)
	cleanup(t, first)
	wantValue(t, second, "a", "value")
	wantAbsent(t, other, "a")
	if err := second.Delete(ctx, "a"); err != nil || lease.Live() {
		t.Errorf("Delete = %v, a lease of the old configuration lives %v, want nil, false", err, lease.Live())
	}
	wantAbsent(t, first, "a") // a request of the old configuration is still under way
	mustCreate(t, second, "b", "u")
	cleanup(t, second)
	cleanup(t, other)
	if _, _, err := second.Get(ctx, "b"); err == nil || errors.Is(err, session.ErrNotFound) {
		t.Errorf("Get of a closed store = %v, want an error that is no absence", err)
	}

	third := provision(t, file, 0)
	defer cleanup(t, third)
	wantValue(t, third, "b", "value")
	if n := held(third); n != 1 {
		t.Errorf("%d sessions after a restart, want 1", n)
	}
}

// The operator hears of damage by the log of the newest configuration, and by none
// when the last one is gone.
func TestOperatorIsToldOfDamage(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	tellOfDamage(zap.New(core), "/data/sessions.db")(3)
	if e := logs.All(); len(e) != 1 || e[0].Level != zap.ErrorLevel || e[0].ContextMap()["records"] != int64(3) || e[0].ContextMap()["file"] != "/data/sessions.db" {
		t.Errorf("the log has %v, want one error with the number and the file", e)
	}
	s := provision(t, filepath.Join(t.TempDir(), "sessions.db"), 0)
	d := s.db.Load()
	if d.inForce.Load().damaged == nil {
		t.Error("nobody would be told")
	}
	cleanup(t, s)
	if d.inForce.Load().damaged != nil {
		t.Error("a configuration that is gone would be told")
	}
}

// A reload that fails must not take the database from the configuration that
// serves, and Caddy calls Cleanup after a failed Provision too.
func TestFailedReloadReleasesNothingItDidNotTake(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	file := filepath.Join(dir, "sessions.db")
	foreign := filepath.Join(dir, "foreign.db")
	if err := os.WriteFile(foreign, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	serving := provision(t, file, 1)
	defer cleanup(t, serving)
	mustCreate(t, serving, "a", "u")
	for range 3 {
		for want, bad := range map[string]*Store{
			"max_sessions": {File: file, MaxSessions: -1},
			foreign:        {File: foreign},
			"placeholders": {File: "{env.LOCALSTORE_TEST_UNSET}/sessions.db"},
			"directory":    {File: filepath.Join(foreign, "sessions.db")},
		} {
			err := bad.Provision(caddy.Context{})
			if err == nil {
				err = bad.Start()
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("Provision and Start = %v, want an error that names %s", err, want)
			}
			cleanup(t, bad)
			cleanup(t, bad)
		}
		rolledBack := provision(t, file, 1000) // another module of that configuration failed
		cleanup(t, rolledBack)
		cleanup(t, rolledBack)
	}
	wantValue(t, serving, "a", "value")
	if err := serving.Create(ctx, testRecord("b", "v"), 0, nil); !errors.Is(err, session.ErrFull) {
		t.Errorf("Create = %v, want ErrFull: the limit of a rolled back configuration is still in force", err)
	}
	name, _ := resolve(file)
	if refs, ok := databases.References(name); !ok || refs != 1 {
		t.Errorf("the database has %d users, want 1", refs)
	}
	if _, ok := databases.References(foreign); ok {
		t.Error("a file that could not be opened is in the pool")
	}
}

func TestTwoHundredReloadsLeakNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	file := filepath.Join(t.TempDir(), "sessions.db")
	old := provision(t, file, 0)
	mustCreate(t, old, "a", "u")
	for i := range 200 {
		if i%10 == 0 { // a restart
			cleanup(t, old)
			old = provision(t, file, 0)
		}
		next := provision(t, file, i+1)
		cleanup(t, old)
		wantValue(t, next, "a", "value")
		old = next
	}
	if n := len(old.tunes); n != 1 {
		t.Errorf("%d configurations are remembered, want 1", n)
	}
	cleanup(t, old)
}

func TestPlaceholderInFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("LOCALSTORE_TEST_DIR", dir)
	cleanup(t, provision(t, "{env.LOCALSTORE_TEST_DIR}/x/sessions.db", 0))
	if _, err := os.Stat(filepath.Join(dir, "x", "sessions.db")); err != nil {
		t.Error(err)
	}
}

func TestUnmarshalCaddyfile(t *testing.T) {
	for _, tt := range []struct {
		in, err string
		want    Store
	}{
		{in: "local"},
		{in: "local {\n}"},
		{in: "local /var/lib/s.db", want: Store{File: "/var/lib/s.db"}},
		{in: "local s.db {\n max_sessions 5000\n}", want: Store{File: "s.db", MaxSessions: 5000}},
		{in: "local {\n max_sessions 5000\n}", want: Store{MaxSessions: 5000}},
		{in: "local a.db b.db", err: "takes one file"},
		{in: `local ""`, err: "empty"},
		{in: "local {\n max_session 5000\n}", err: `unknown option "max_session"`},
		{in: "local {\n max_sessions\n}", err: "needs a number"},
		{in: "local {\n max_sessions 5 6\n}", err: "takes one number"},
		{in: "local {\n max_sessions many\n}", err: "is not a whole number"},
		{in: "local {\n max_sessions 0\n}", err: "is not a whole number"},
		{in: "local {\n max_sessions 5\n max_sessions 5\n}", err: "given twice"},
		{in: "local {\n max_sessions 5 {\n x\n }\n}", err: "takes no block"},
	} {
		var s Store
		err := s.UnmarshalCaddyfile(caddyfile.NewTestDispenser(tt.in))
		switch {
		case tt.err == "" && err != nil:
			t.Errorf("%q: error %v, want none", tt.in, err)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), "Testfile:")):
			t.Errorf("%q: error %v, want one with %q and the line", tt.in, err, tt.err)
		case tt.err == "" && (s.File != tt.want.File || s.MaxSessions != tt.want.MaxSessions):
			t.Errorf("%q: %q, %d, want %q, %d", tt.in, s.File, s.MaxSessions, tt.want.File, tt.want.MaxSessions)
		}
	}
}

func TestModule(t *testing.T) {
	info, err := caddy.GetModule("wechat.stores.local")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := info.New().(session.Store); !ok {
		t.Error("the module is no session.Store")
	}
	file := filepath.Join(t.TempDir(), "s.db")
	s := provision(t, file, 3)
	defer cleanup(t, s)
	if b, err := json.Marshal(s); err != nil || string(b) != `{"file":"`+file+`","max_sessions":3}` {
		t.Errorf("JSON = %s, %v, want the options alone", b, err)
	}
}
