// fleet_test.go: clusters, replicas and Sentinels of real servers, and a proxy
// that can fall silent.

package redisstore

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/freeport"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore/internal/primary"
)

// startCluster starts primaries that share the slots evenly.
func startCluster(t testing.TB, n int) []*server {
	t.Helper()
	servers := make([]*server, n)
	for i := range servers {
		servers[i] = startServer(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no")
		servers[i].say("CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(i*primary.SlotCount/n), fmt.Sprint((i+1)*primary.SlotCount/n-1))
		servers[i].say("CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1))
	}
	for _, s := range servers[1:] {
		s.say("CLUSTER", "MEET", "127.0.0.1", fmt.Sprint(servers[0].port))
	}
	for _, s := range servers {
		eventually(t, 20*time.Second, "the cluster is complete", func() bool {
			info, err := s.try("CLUSTER", "INFO")
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_assigned:16384") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", n))
		})
	}
	return servers
}

// startReplica starts a replica of a server and waits until it is in step.
func startReplica(t testing.TB, of *server, args ...string) *server {
	t.Helper()
	r := startServer(t, append([]string{"--replicaof", "127.0.0.1", fmt.Sprint(of.port)}, args...)...)
	eventually(t, 20*time.Second, "the replica is in step", func() bool {
		info, err := r.try("INFO", "replication")
		return err == nil && strings.Contains(info, "master_link_status:up") && strings.HasPrefix(of.say("WAIT", "1", "100"), "1")
	})
	return r
}

// startSentinel starts a Sentinel that watches a primary named "main".
func startSentinel(t testing.TB, of *server, quorum int) *server {
	t.Helper()
	return startPatientSentinel(t, of, quorum, 500*time.Millisecond)
}

// startPatientSentinel starts one that takes a server for dead after so long.
func startPatientSentinel(t testing.TB, of *server, quorum int, downAfter time.Duration) *server {
	t.Helper()
	port := freeport.Take(t)
	s := &server{t: t, port: port, addr: fmt.Sprintf("127.0.0.1:%d", port), dir: t.TempDir()}
	conf := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor main 127.0.0.1 %d %d\n"+
		"sentinel down-after-milliseconds main %d\nsentinel failover-timeout main %d\n",
		port, s.dir, of.port, quorum, downAfter.Milliseconds(), 6*downAfter.Milliseconds())
	if err := os.WriteFile(s.dir+"/sentinel.conf", []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command(executable(t, "redis-server"), s.dir+"/sentinel.conf", "--sentinel")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	eventually(t, 10*time.Second, "the Sentinel is up", func() bool {
		info, err := s.try("INFO", "sentinel")
		return err == nil && strings.Contains(info, "status=ok")
	})
	return s
}

// proxy stands before a server and passes bytes on, or does not.
type proxy struct {
	addr   string
	target string
	l      net.Listener

	mu    sync.Mutex
	gate  *sync.Cond
	up    bool // bytes to the server pass
	down  bool // bytes to the client pass
	delay time.Duration
	conns map[net.Conn]bool
}

func startProxy(t testing.TB, s *server) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), target: s.addr, l: l, up: true, down: true, conns: map[net.Conn]bool{}}
	p.gate = sync.NewCond(&p.mu)
	go p.serve()
	t.Cleanup(func() { p.l.Close(); p.pass(true, true); p.cut() })
	return p
}

func (p *proxy) serve() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		go func() {
			p.mu.Lock()
			target := p.target
			p.mu.Unlock()
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				return
			}
			p.mu.Lock()
			p.conns[client], p.conns[server] = true, true
			p.mu.Unlock()
			go p.pipe(server, client, &p.up)
			p.pipe(client, server, &p.down)
		}()
	}
}

func (p *proxy) pipe(to, from net.Conn, open *bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		for !*open {
			p.gate.Wait()
		}
		delay := p.delay
		p.mu.Unlock()
		time.Sleep(delay)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if err != io.EOF {
				return
			}
			return
		}
	}
}

// pass says which directions pass. What is held back passes later.
func (p *proxy) pass(up, down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up, p.down = up, down
	p.gate.Broadcast()
}

func (p *proxy) slow(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// cut breaks all connections that there are.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
		delete(p.conns, c)
	}
}
