// store_test.go: the Caddy module, over reloads good and bad.

package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/goleak"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func provision(t *testing.T, s *Store) error {
	t.Helper()
	cctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	return s.Provision(cctx)
}

func mustProvision(t *testing.T, s *Store) *Store {
	t.Helper()
	if err := provision(t, s); err != nil {
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

// Connections and leases outlive a configuration; what is only tuned follows it.
func TestReloadKeepsConnectionsAndLeases(t *testing.T) {
	s := startServer(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	first := mustProvision(t, &Store{URLs: []string{s.url()}})
	create(t, first, rec(1, 1))
	_, lease := get(t, first, rec(1, 1).Key)
	connections := stat(s, "total_connections_received")

	second := mustProvision(t, &Store{URLs: []string{s.url()}, WaitReplicas: new(0)})
	other := mustProvision(t, &Store{URLs: []string{s.url()}, Prefix: "other:"})
	wantAbsent(t, other, rec(1, 1).Key, "another prefix")
	cleanup(t, other)
	cleanup(t, first)
	if !lease.Live() {
		t.Error("a reload ended a lease")
	}
	if _, _, err := first.Get(ctx, rec(1, 1).Key); err != nil {
		t.Errorf("a request of the old configuration that is still under way: Get = %v", err)
	}
	get(t, second, rec(1, 1).Key)
	// one is that of asking; the probe of a new configuration may need another
	if now := stat(s, "total_connections_received"); now > connections+3 {
		t.Errorf("connections went from %d to %d", connections, now)
	}
	cleanup(t, second)
	if lease.Live() {
		t.Error("a lease lives although nobody is connected any more")
	}
	if _, _, err := second.Get(ctx, rec(1, 1).Key); err == nil || errors.Is(err, session.ErrNotFound) {
		t.Errorf("after all configurations went: Get = %v, want an error", err)
	}
}

func TestFailedReloadReleasesWhatItTook(t *testing.T) {
	s := startServer(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	serving := mustProvision(t, &Store{URLs: []string{s.url()}})
	defer cleanup(t, serving)
	create(t, serving, rec(1, 1))
	for _, bad := range []*Store{
		{}, {URLs: []string{"nonsense"}}, {URLs: []string{s.url()}, Mode: "none"}, {URLs: []string{s.url() + "/99"}},
		{URLs: []string{"redis://u:secret@" + s.addr}}, {URLs: []string{"redis://:{env.REDISSTORE_UNSET}@" + s.addr}},
	} {
		if err := provision(t, bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("Provision = %v, want an error without the password", err)
		}
		cleanup(t, bad)
		cleanup(t, bad)
	}
	cleanup(t, &Store{}) // never provisioned
	rolledBack := mustProvision(t, &Store{URLs: []string{s.url()}})
	cleanup(t, rolledBack)
	cleanup(t, rolledBack)
	get(t, serving, rec(1, 1).Key)
	if refs, ok := links.References(serving.key); !ok || refs != 1 {
		t.Errorf("the link has %d users, want 1", refs)
	}
	if strings.Contains(serving.key, s.addr) || len(serving.key) != 64 {
		t.Errorf("the pool key %q can be read", serving.key)
	}
}

func TestReloadsLeakNothing(t *testing.T) {
	s := startServer(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var serving *Store
	for i := range 200 {
		next := mustProvision(t, &Store{URLs: []string{s.url()}})
		if serving != nil {
			cleanup(t, serving)
		}
		serving = next
		if i%10 == 9 { // a stop and a fresh start
			cleanup(t, serving)
			serving = nil
		}
	}
	eventually(t, 5*time.Second, "all connections are closed", func() bool {
		return strings.Count(s.say("CLIENT", "LIST"), "id=") == 1
	})
}

func TestSecretsComeFromEnvironmentAndFiles(t *testing.T) {
	s := startServer(t, "--requirepass", "p@ss/w:rd")
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("p@ss/w:rd\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("REDISSTORE_TEST", "p@ss/w:rd")
	t.Setenv("REDISSTORE_URL", "redis://:p%40ss%2Fw%3Ard@"+s.addr)
	for _, url := range []string{
		"redis://:{env.REDISSTORE_TEST}@" + s.addr, "redis://:{file." + file + "}@" + s.addr,
		"redis://:p@ss/w:rd@" + s.addr, "{env.REDISSTORE_URL}",
	} {
		m := &Store{URLs: []string{url}}
		if err := provision(t, m); err != nil {
			t.Errorf("%s: Provision = %v, want nil", url, err)
		} else if _, err := m.Mark(ctx, name("m", 1), time.Now().Add(time.Minute)); err != nil {
			t.Errorf("%s: Mark = %v, want nil", url, err)
		}
		text, err := json.Marshal(m)
		if err != nil || string(text) != `{"urls":["`+url+`"]}` {
			t.Errorf("JSON = %s, %v, want the url as it was written", text, err)
		}
		cleanup(t, m)
	}
}

func TestCaddyfile(t *testing.T) {
	for _, tt := range []struct{ in, want, err string }{
		{in: "redis redis://h", want: `{"urls":["redis://h"]}`},
		{in: "redis redis://a redis://b {\n mode cluster\n prefix x:\n}", want: `{"urls":["redis://a","redis://b"],"mode":"cluster","prefix":"x:"}`},
		{in: "redis redis://a {\n mode sentinel\n master m\n sentinel_auth u p\n}", want: `{"urls":["redis://a"],"mode":"sentinel","master":"m","sentinel_user":"u","sentinel_password":"p"}`},
		{in: "redis redis://a {\n sentinel_auth {env.P}\n}", want: `{"urls":["redis://a"],"sentinel_password":"{env.P}"}`},
		{in: "redis rediss://a {\n tls_ca f\n tls_cert c k\n tls_server_name n\n}", want: `{"urls":["rediss://a"],"tls_ca":"f","tls_cert":"c","tls_key":"k","tls_server_name":"n"}`},
		{in: "redis redis://a {\n wait_replicas 2 300ms\n}", want: `{"urls":["redis://a"],"wait_replicas":2,"wait_timeout":300000000}`},
		{in: "redis redis://a {\n wait_replicas 0\n}", want: `{"urls":["redis://a"],"wait_replicas":0}`},
		{in: "redis", err: "needs an address"},
		{in: "redis redis://a {\n mod single\n}", err: `unknown option "mod"`},
		{in: "redis redis://a {\n mode multi\n}", err: `not "multi"`},
		{in: "redis redis://a {\n mode\n}", err: "mode needs 1"},
		{in: "redis redis://a {\n mode single\n mode single\n}", err: "mode is given twice"},
		{in: "redis redis://a {\n master a b\n}", err: "master needs 1"},
		{in: "redis redis://a {\n prefix \"\"\n}", err: "prefix is empty"},
		{in: "redis redis://a {\n tls_cert c\n}", err: "tls_cert needs 2"},
		{in: "redis redis://a {\n sentinel_auth secret secret secret\n}", err: "sentinel_auth needs"},
		{in: "redis redis://a {\n wait_replicas\n}", err: "needs a number"},
		{in: "redis redis://a {\n wait_replicas x\n}", err: `not "x"`},
		{in: "redis redis://a {\n wait_replicas 1 5s\n}", err: "at most 1s"},
		{in: "redis redis://a {\n prefix x {\n y\n }\n}", err: "unexpected block"},
	} {
		var s Store
		err := s.UnmarshalCaddyfile(caddyfile.NewTestDispenser(tt.in))
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), "Testfile:") || strings.Contains(err.Error(), "secret") {
				t.Errorf("%q: error %v, want one with %q and the line", tt.in, err, tt.err)
			}
			continue
		}
		if text, _ := json.Marshal(&s); err != nil || string(text) != tt.want {
			t.Errorf("%q: %s, %v, want %s", tt.in, text, err, tt.want)
		}
	}
}

func TestModule(t *testing.T) {
	info, err := caddy.GetModule("wechat.stores.redis")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := info.New().(session.Store); !ok {
		t.Error("the module is no session.Store")
	}
}
