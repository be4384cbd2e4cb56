// redis.go: a real redis-server for the tests that need one, with everything
// that can happen to it.

package gatewaytest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// RedisServer is a redis-server that has on disk what it has confirmed.
type RedisServer struct {
	t    *testing.T
	Addr string // host:port
	dir  string
	cmd  *exec.Cmd
}

// StartRedis runs a redis-server until the test ends.
func StartRedis(t *testing.T) *RedisServer {
	t.Helper()
	s := &RedisServer{t: t, Addr: strings.Replace(FreeAddr(t), "localhost", "127.0.0.1", 1), dir: t.TempDir()}
	s.Start()
	t.Cleanup(s.Kill)
	return s
}

// Start starts it, again after kill with what it had.
func (s *RedisServer) Start() {
	s.t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Fatal("redis-server is needed for this test: install it, on Debian with  apt-get install redis-server")
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	_, port, _ := net.SplitHostPort(s.Addr)
	s.cmd = exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	Await(s.t, "redis-server to listen", func() bool {
		conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// Kill ends it as a crash would.
func (s *RedisServer) Kill() {
	s.cmd.Process.Signal(syscall.SIGCONT)
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// Freeze stops it without an end: connections stand, and nothing answers.
func (s *RedisServer) Freeze() { s.cmd.Process.Signal(syscall.SIGSTOP) }

func (s *RedisServer) Thaw() { s.cmd.Process.Signal(syscall.SIGCONT) }

// Say sends a command over a connection of its own.
func (s *RedisServer) Say(args ...string) rueidis.RedisResult {
	s.t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.Addr}, ForceSingleClient: true, DisableCache: true})
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	result := c.Do(s.t.Context(), c.B().Arbitrary(args...).Build())
	if err := result.Error(); err != nil {
		s.t.Fatalf("%s: %v", args[0], err)
	}
	return result
}

// Hash is what a key holds, by field.
func (s *RedisServer) Hash(key string) map[string]string {
	s.t.Helper()
	fields, err := s.Say("HGETALL", key).AsStrMap()
	if err != nil {
		s.t.Fatalf("HGETALL: %s", err)
	}
	return fields
}

// Put makes a key hold exactly these fields, and leaves its expiry.
func (s *RedisServer) Put(key string, fields map[string]string) {
	s.t.Helper()
	set := []string{"HSET", key}
	for field, value := range fields {
		set = append(set, field, value)
	}
	s.Say(set...)
	for field := range s.Hash(key) {
		if _, keep := fields[field]; !keep {
			s.Say("HDEL", key, field)
		}
	}
}

// User is the key of the user that no other call of it has named.
func (s *RedisServer) User(known ...string) string {
	s.t.Helper()
	keys, err := s.Say("KEYS", "wechat:u*").AsStrSlice()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, key := range keys {
		if !strings.Contains(strings.Join(known, " "), key) {
			return key
		}
	}
	s.t.Fatalf("no new user among %d", len(keys))
	return ""
}
