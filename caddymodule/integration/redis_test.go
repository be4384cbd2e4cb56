// redis_test.go: a real redis-server for the tests that need one, with everything
// that can happen to it.

package integration

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

// redisServer is a redis-server that has on disk what it has confirmed.
type redisServer struct {
	t    *testing.T
	Addr string // host:port
	dir  string
	cmd  *exec.Cmd
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	s := &redisServer{t: t, Addr: strings.Replace(freeAddr(t), "localhost", "127.0.0.1", 1), dir: t.TempDir()}
	s.start()
	t.Cleanup(s.kill)
	return s
}

// start starts it, again after kill with what it had.
func (s *redisServer) start() {
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
	await(s.t, "redis-server to listen", func() bool {
		conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// kill ends it as a crash would.
func (s *redisServer) kill() {
	s.cmd.Process.Signal(syscall.SIGCONT)
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// freeze stops it without an end: connections stand, and nothing answers.
func (s *redisServer) freeze() { s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *redisServer) thaw()   { s.cmd.Process.Signal(syscall.SIGCONT) }

// say sends a command over a connection of its own.
func (s *redisServer) say(args ...string) rueidis.RedisResult {
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

// hash is what a key holds, by field.
func (s *redisServer) hash(key string) map[string]string {
	s.t.Helper()
	fields, err := s.say("HGETALL", key).AsStrMap()
	if err != nil {
		s.t.Fatalf("HGETALL: %s", err)
	}
	return fields
}

// put makes a key hold exactly these fields, and leaves its expiry.
func (s *redisServer) put(key string, fields map[string]string) {
	s.t.Helper()
	set := []string{"HSET", key}
	for field, value := range fields {
		set = append(set, field, value)
	}
	s.say(set...)
	for field := range s.hash(key) {
		if _, keep := fields[field]; !keep {
			s.say("HDEL", key, field)
		}
	}
}

// user is the key of the user that no other call of it has named.
func (s *redisServer) user(known ...string) string {
	s.t.Helper()
	keys, err := s.say("KEYS", "wechat:u*").AsStrSlice()
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
