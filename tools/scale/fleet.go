// fleet.go: the cluster, and what it uses.

package main

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-wechat/caddy-wechat/tools/internal/child"
)

const primaries = 3

// server is one redis-server.
type server struct {
	name, dir, addr string
	skew            time.Duration // of its clock
	process         *child.Child
	spent           time.Duration // CPU of processes of before
}

type fleet struct{ servers []*server } // primaries first, at the start

// freeAddress is one that nobody listens on; a cluster's bus is 10000 above.
func freeAddress() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		port := l.Addr().(*net.TCPAddr).Port
		l.Close()
		if port < 50_000 {
			return "127.0.0.1:" + strconv.Itoa(port), nil
		}
	}
	return "", fmt.Errorf("there is no free port below 50000")
}

func (s *server) start(ctx context.Context) (err error) {
	_, port, _ := net.SplitHostPort(s.addr)
	env := os.Environ()
	if s.skew != 0 {
		if env, err = skewed(s.dir, env, s.skew); err != nil {
			return err
		}
	}
	s.process, err = child.Start(s.dir, s.name, env, "redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--cluster-enabled", "yes", "--cluster-node-timeout", "2000",
		"--tracking-table-max-keys", "0", "--maxmemory-policy", "noeviction")
	if err != nil {
		return err
	}
	return s.process.Listens(ctx, s.addr)
}

//go:embed clock/clock.c
var clockSource []byte

// skewed adds to an environment what makes the clock of a program wrong that asks the C
// library for it, as Redis does and programs in Go do not. libfaketime does the same, but
// not with jemalloc, which Redis uses: it asks for the time before that is ready.
func skewed(dir string, env []string, by time.Duration) ([]string, error) {
	source, library := filepath.Join(dir, "clock.c"), filepath.Join(dir, "clock.so")
	if err := os.WriteFile(source, clockSource, 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("a clock that is wrong needs a C compiler (go without it by  -skew 0): %w: %s", err, out)
	}
	return append(env, "LD_PRELOAD="+library, fmt.Sprint("SKEW_MS=", by.Milliseconds())), nil
}

// ahead is by how much a server's clock is ahead of ours.
func (s *server) ahead() time.Duration {
	seconds, micros, _ := strings.Cut(s.say("TIME"), "\n")
	n, _ := strconv.ParseInt(seconds, 10, 64)
	more, _ := strconv.ParseInt(strings.TrimSpace(micros), 10, 64)
	return time.Until(time.Unix(n, more*1000))
}

// kill ends the process as a crash does.
func (s *server) kill() {
	s.spent += cpu(s.process.PID())
	s.process.Crash()
}

// cli runs redis-cli.
func cli(args ...string) (string, error) {
	out, err := exec.Command("redis-cli", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("redis-cli %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

func (s *server) say(args ...string) string {
	host, port, _ := net.SplitHostPort(s.addr)
	out, _ := cli(append([]string{"-h", host, "-p", port}, args...)...)
	return strings.TrimSpace(out)
}

// startFleet starts the cluster. The clock of its second primary is wrong by skew.
func startFleet(ctx context.Context, dir string, skew time.Duration) (*fleet, error) {
	f := &fleet{}
	create := []string{"--cluster", "create"}
	for i := range 2 * primaries {
		s := &server{name: fmt.Sprint("redis-", i), dir: filepath.Join(dir, fmt.Sprint("redis-", i))}
		if i == 1 {
			s.skew = skew
		}
		var err error
		if s.addr, err = freeAddress(); err != nil {
			return f, err
		}
		if err := os.Mkdir(s.dir, 0o700); err != nil {
			return f, err
		}
		f.servers = append(f.servers, s)
		if err := s.start(ctx); err != nil {
			return f, err
		}
		create = append(create, s.addr)
	}
	if _, err := cli(append(create, "--cluster-replicas", "1", "--cluster-yes")...); err != nil {
		return f, err
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if len(f.masters()) == primaries && f.inStep() {
			return f, nil
		}
		if time.Now().After(end) {
			return f, fmt.Errorf("the cluster is not complete after 30 s")
		}
	}
}

func (f *fleet) masters() (list []*server) {
	for _, s := range f.servers {
		if strings.HasPrefix(s.say("ROLE"), "master") && strings.Contains(s.say("CLUSTER", "NODES"), "myself,master") && len(f.slotsOf(s)) > 0 {
			list = append(list, s)
		}
	}
	return list
}

// slotsOf is what a server says of its own slots.
func (f *fleet) slotsOf(s *server) string {
	for _, line := range strings.Split(s.say("CLUSTER", "NODES"), "\n") {
		if fields := strings.Fields(line); len(fields) > 8 && strings.Contains(fields[2], "myself") {
			return strings.Join(fields[8:], " ")
		}
	}
	return ""
}

func (f *fleet) inStep() bool {
	for _, s := range f.servers {
		info := s.say("INFO", "replication")
		if strings.Contains(info, "role:slave") && !strings.Contains(info, "master_link_status:up") {
			return false
		}
		if !strings.Contains(s.say("CLUSTER", "INFO"), "cluster_state:ok") {
			return false
		}
	}
	return true
}

func (f *fleet) end() {
	for _, s := range f.servers {
		if s.process != nil {
			s.process.Crash()
		}
	}
}

// usage is what was used up to a moment.
type usage struct {
	memory   int64 // of the primaries, without what connections take
	commands map[string]int64
	redis    time.Duration // CPU of all servers
	gateways time.Duration
}

func (f *fleet) measure(g *gateways) usage {
	u := usage{commands: map[string]int64{}, gateways: g.cpu()}
	for _, s := range f.servers {
		u.redis += s.spent + cpu(s.process.PID())
	}
	for _, s := range f.masters() {
		number := func(section, name string) (n int64) {
			_, rest, _ := strings.Cut(s.say("INFO", section), name+":")
			n, _ = strconv.ParseInt(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]), 10, 64)
			return n
		}
		u.memory += number("memory", "used_memory") - number("memory", "mem_clients_normal") - number("memory", "mem_clients_slaves") - number("memory", "mem_replication_backlog")
		for _, line := range strings.Split(s.say("INFO", "commandstats"), "\n") {
			name, rest, ok := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
			if n, err := strconv.ParseInt(strings.SplitN(rest, ",", 2)[0], 10, 64); ok && err == nil {
				u.commands[name] += n
			}
		}
	}
	return u
}

// upkeep are the commands that are sent whether or not anybody logs in.
var upkeep = map[string]bool{"ping": true, "role": true, "info": true, "replconf": true, "hello": true, "psync": true, "cluster|slots": true,
	"cluster|nodes": true, "cluster|info": true, "client|tracking": true, "client|setinfo": true, "command|docs": true, "select": true}

func (u usage) commandsSince(before usage, name string) (n float64) {
	for command, calls := range u.commands {
		if !upkeep[command] && (name == "" || name == command) {
			n += float64(calls - before.commands[command])
		}
	}
	return n
}

func (u usage) eachSince(before usage, logins int64) string {
	var list []string
	for command := range u.commands {
		if n := u.commandsSince(before, command); n/float64(logins) >= 0.005 {
			list = append(list, fmt.Sprintf("%s %.2f", command, n/float64(logins)))
		}
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}

// cpu is what a process has used.
func cpu(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}
