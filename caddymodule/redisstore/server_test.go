// server_test.go: real servers, started by the tests on free ports and ended by
// their own process.

package redisstore

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/freeport"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

var ctx = context.Background()

// TestMain lets many tests run at once: they wait for servers, not for a processor.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) {
		f.Value.Set("8")
	}
	os.Exit(m.Run())
}

// server is a redis-server of one's own.
type server struct {
	t    testing.TB
	port int
	addr string
	dir  string
	args []string
	cmd  *exec.Cmd
}

func executable(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is needed for this test: install it, on Debian with  apt-get install redis-server redis-sentinel redis-tools", name)
	}
	return path
}

// clusterBus is how far above its port a server of a cluster listens for the others.
const clusterBus = 10_000

// startServer starts redis-server with further options: "--maxmemory", "5mb".
func startServer(t testing.TB, args ...string) *server {
	t.Helper()
	port := freeport.Take(t, clusterBus)
	s := &server{t: t, port: port, addr: fmt.Sprintf("127.0.0.1:%d", port), dir: t.TempDir()}
	s.args = append([]string{
		"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no",
		"--enable-debug-command", "local", "--loglevel", "warning", "--repl-diskless-sync-delay", "0",
	}, args...)
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(executable(s.t, "redis-server"), s.args...)
	log, err := os.OpenFile(s.dir+"/log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for range 500 {
		if c, err := net.DialTimeout("tcp", s.addr, time.Second); err == nil {
			c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	text, _ := os.ReadFile(s.dir + "/log")
	s.t.Fatalf("redis-server did not start:\n%s", text)
}

// kill ends the process at once, as a crash would.
func (s *server) kill() {
	if s.cmd != nil && s.cmd.Process != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	}
	s.cmd = nil
}

// say sends a command over a connection of its own.
func (s *server) say(args ...string) string {
	s.t.Helper()
	text, err := s.try(args...)
	if err != nil {
		s.t.Fatalf("%q = %v", args, err)
	}
	return text
}

func (s *server) try(args ...string) (string, error) {
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.addr}, ForceSingleClient: true,
		DisableCache: true, PipelineMultiplex: -1, ClientSetInfo: rueidis.DisableClientSetInfo})
	if err != nil {
		return "", err
	}
	defer c.Close()
	m, err := c.Do(ctx, c.B().Arbitrary(args...).Build()).ToMessage()
	if rueidis.IsRedisNil(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if text, err := m.ToString(); err == nil {
		return text, nil
	}
	if n, err := m.AsInt64(); err == nil {
		return fmt.Sprint(n), nil
	}
	if list, err := m.AsStrSlice(); err == nil {
		return strings.Join(list, "\n"), nil
	}
	return m.String(), nil
}

func (s *server) url() string { return "redis://" + s.addr }

// open returns a store of its own: another gateway.
func open(t testing.TB, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatalf("New = %v, want nil", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func openOn(t testing.TB, s *server) *Client {
	t.Helper()
	return open(t, Options{URLs: []string{s.url()}})
}

// name makes the n-th key of a kind, of the form that the manager makes.
func name(kind string, n int) string {
	return (kind + fmt.Sprintf("%08d", n) + "_-AZaz09_-AZaz09_-")[:22]
}

// under makes the key of a user's n-th record.
func under(user string, n int) string { return user + fmt.Sprintf("s%08d_-", n) }

func rec(user, n int) session.Record {
	now := time.Now().Truncate(time.Second)
	return session.Record{
		Key: under(name("u", user), n), User: name("u", user), Value: fmt.Appendf(nil, "user %d, session %d", user, n),
		IssuedAt: now.Add(time.Duration(n) * time.Second), ExpiresAt: now.Add(time.Hour),
	}
}

func create(t testing.TB, s session.Store, r session.Record) {
	t.Helper()
	if err := s.Create(ctx, r, 0, nil); err != nil {
		t.Fatalf("Create = %v, want nil", err)
	}
}

func get(t testing.TB, s session.Store, key string) (session.Record, *session.Lease) {
	t.Helper()
	r, lease, err := s.Get(ctx, key)
	if err != nil {
		t.Fatalf("Get = %v, want the record", err)
	}
	return r, lease
}

func wantAbsent(t testing.TB, s session.Store, key, why string) {
	t.Helper()
	if _, _, err := s.Get(ctx, key); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("%s: Get = %v, want ErrNotFound", why, err)
	}
}

// eventually polls until ok, for as long as limit.
func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for time.Since(start) < limit {
		if ok() {
			return time.Since(start)
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Fatalf("not within %v: %s", limit, what)
	return 0
}

func usable(s session.Store) func() bool {
	return func() bool {
		_, err := s.Mark(ctx, name("probe", int(time.Now().UnixNano()%1e8)), time.Now().Add(time.Minute))
		return err == nil
	}
}
