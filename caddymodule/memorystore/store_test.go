// store_test.go: the Caddy module, over reloads good and bad.

package memorystore

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/goleak"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

var ctx = context.Background()

// user and key are names of the form that the manager makes.
func user(name string) string    { return (name + "_-AZaz09_-AZaz09_-AZaz")[:22] }
func key(name, of string) string { return user(of) + (name + "_-AZaz09_-A")[:11] }

func testRecord(name, of string) session.Record {
	return session.Record{Key: key(name, of), User: user(of), Value: []byte("value"), IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
}

func provision(t *testing.T, maxSessions int) *Store {
	t.Helper()
	s := &Store{MaxSessions: maxSessions}
	if err := s.Provision(caddy.Context{}); err != nil {
		t.Fatalf("Provision = %v, want nil", err)
	}
	return s
}

func cleanup(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Cleanup(); err != nil {
		t.Errorf("Cleanup = %v, want nil", err)
	}
}

func mustCreate(t *testing.T, s session.Store, name, of string) {
	t.Helper()
	if err := s.Create(ctx, testRecord(name, of), 0, nil); err != nil {
		t.Fatalf("Create(%s) = %v, want nil", name, err)
	}
}

// Caddy provisions the new configuration before it cleans the old one up.
func TestSessionsAndMarksSurviveReload(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	first := provision(t, 0)
	mustCreate(t, first, "a", "u")
	if ok, err := first.Mark(ctx, "code", time.Now().Add(time.Minute)); !ok || err != nil {
		t.Fatalf("Mark = %v, %v, want true, nil", ok, err)
	}
	_, lease, _ := first.Get(ctx, key("a", "u"))

	second := provision(t, 7)
	cleanup(t, first)
	if _, _, err := second.Get(ctx, key("a", "u")); err != nil {
		t.Errorf("after a reload Get = %v, want the session", err)
	}
	if ok, err := second.Mark(ctx, "code", time.Now().Add(time.Minute)); ok || err != nil {
		t.Errorf("after a reload Mark = %v, %v, want false, nil", ok, err)
	}
	if err := second.Delete(ctx, key("a", "u")); err != nil {
		t.Errorf("Delete = %v, want nil", err)
	}
	if lease.Live() {
		t.Error("a lease of the old configuration outlived a logout in the new one")
	}
	// a request of the old configuration is still under way
	if _, _, err := first.Get(ctx, key("a", "u")); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("old configuration: Get = %v, want ErrNotFound", err)
	}
	mustCreate(t, second, "b", "u")
	cleanup(t, second)

	third := provision(t, 0)
	defer cleanup(t, third)
	if _, _, err := third.Get(ctx, key("b", "u")); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("after all configurations went, Get = %v, want ErrNotFound", err)
	}
}

// A reload that fails must not take the table from the configuration that
// serves, and Caddy calls Cleanup after a failed Provision too.
func TestFailedReloadReleasesNothingItDidNotTake(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	serving := provision(t, 1)
	defer cleanup(t, serving)
	mustCreate(t, serving, "a", "u")

	for range 3 {
		bad := &Store{MaxSessions: -1}
		if err := bad.Provision(caddy.Context{}); err == nil || !strings.Contains(err.Error(), "max_sessions") {
			t.Fatalf("Provision = %v, want an error that names max_sessions", err)
		}
		cleanup(t, bad)
		cleanup(t, bad)

		cleanup(t, &Store{}) // never provisioned

		rolledBack := provision(t, 1000) // another module of that configuration failed
		cleanup(t, rolledBack)
		cleanup(t, rolledBack)
	}
	if _, _, err := serving.Get(ctx, key("a", "u")); err != nil {
		t.Errorf("Get = %v, want the session", err)
	}
	if err := serving.Create(ctx, testRecord("b", "v"), 0, nil); !errors.Is(err, session.ErrFull) {
		t.Errorf("Create = %v, want ErrFull: the limit of a rolled back configuration is still in force", err)
	}
	if refs, ok := tables.References(tableName); !ok || refs != 1 {
		t.Errorf("the table has %d users, want 1", refs)
	}
}

func TestNewestLimitApplies(t *testing.T) {
	first := provision(t, 1)
	mustCreate(t, first, "a", "u")
	second := provision(t, 2)
	cleanup(t, first)
	mustCreate(t, second, "b", "u")
	third := provision(t, 1) // lower than what is held: nobody is thrown out
	defer cleanup(t, third)
	cleanup(t, second)
	for _, name := range []string{"a", "b"} {
		if _, _, err := third.Get(ctx, key(name, "u")); err != nil {
			t.Errorf("Get(%s) = %v, want the session", name, err)
		}
	}
	if err := third.Create(ctx, testRecord("c", "u"), 0, nil); !errors.Is(err, session.ErrFull) {
		t.Errorf("Create = %v, want ErrFull", err)
	}
}

func TestReloadsLeakNoGoroutine(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var serving *Store
	for i := range 200 {
		next := provision(t, 0)
		if serving != nil {
			cleanup(t, serving)
		}
		serving = next
		if i%10 == 9 { // a stop and a fresh start
			cleanup(t, serving)
			serving = nil
		}
	}
	if _, ok := tables.References(tableName); ok {
		t.Error("the table is still in the pool")
	}
}

func TestCaddyfile(t *testing.T) {
	for _, tt := range []struct {
		in, err string
		want    int
	}{
		{in: "memory", want: 0},
		{in: "memory {\n}", want: 0},
		{in: "memory {\n max_sessions 5000\n}", want: 5000},
		{in: "memory 5000", err: "takes no argument"},
		{in: "memory {\n max_session 5000\n}", err: `unknown option "max_session"`},
		{in: "memory {\n max_sessions\n}", err: "needs a number"},
		{in: "memory {\n max_sessions 5 6\n}", err: "takes one number"},
		{in: "memory {\n max_sessions many\n}", err: "is not a whole number"},
		{in: "memory {\n max_sessions 0\n}", err: "is not a whole number"},
		{in: "memory {\n max_sessions -1\n}", err: "is not a whole number"},
		{in: "memory {\n max_sessions 1e6\n}", err: "is not a whole number"},
		{in: "memory {\n max_sessions 99999999999999999999\n}", err: "whole number"},
		{in: "memory {\n max_sessions 5\n max_sessions 5\n}", err: "given twice"},
		{in: "memory {\n max_sessions 5 {\n x\n }\n}", err: "takes no block"},
	} {
		var s Store
		err := s.UnmarshalCaddyfile(caddyfile.NewTestDispenser(tt.in))
		switch {
		case tt.err == "" && err != nil:
			t.Errorf("%q: error %v, want none", tt.in, err)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), "Testfile:")):
			t.Errorf("%q: error %v, want one with %q and the line", tt.in, err, tt.err)
		case s.MaxSessions != tt.want && tt.err == "":
			t.Errorf("%q: MaxSessions = %d, want %d", tt.in, s.MaxSessions, tt.want)
		}
	}
}

func TestModule(t *testing.T) {
	info, err := caddy.GetModule("wechat.stores.memory")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := info.New().(session.Store); !ok {
		t.Error("the module is no session.Store")
	}
	s := provision(t, 3)
	defer cleanup(t, s)
	if b, err := json.Marshal(s); err != nil || string(b) != `{"max_sessions":3}` {
		t.Errorf("JSON = %s, %v, want the option alone", b, err)
	}
}
