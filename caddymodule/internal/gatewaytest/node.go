// node.go: gateways as processes of their own, which can be killed,
// around them one WeChat and one backend, and users with many requests.

package gatewaytest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// builtCaddy names a binary to test instead of this one, which holds the same: to
// prove what bin/caddy does, and faster than with the race detector.
const builtCaddy = "CADDY_WECHAT_TEST_BINARY"

// Longer is how long a test of this file's kind goes on: shortly by default, so
// that all of them are run each time, and for as long as the environment says.
func Longer(t *testing.T, short time.Duration) time.Duration {
	t.Helper()
	const variable = "CADDY_WECHAT_TEST_FOR"
	text := os.Getenv(variable)
	if text == "" {
		return short
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return d
}

// Many is how often a test of this file's kind does its thing: as often as it says by
// default, and as often as the environment says.
func Many(t *testing.T, few int) int {
	t.Helper()
	const variable = "CADDY_WECHAT_TEST_CALLS"
	text := os.Getenv(variable)
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s: %q is no number", variable, text)
	}
	return n
}

// Fleet is gateways with the same WeChat and backend, and the same keys in Caddy's
// storage. The backend tells the client who it was told is calling.
type Fleet struct {
	T     *testing.T
	Sim   *wechattest.Server
	Fill  *strings.Replacer
	Dir   string
	Http  *http.Client
	Auth  string // the gate of the site
	Grace string // how long what is under way may take when a gateway is ended kindly
	Nodes []*Node
}

// Node is one gateway.
type Node struct {
	f           *Fleet
	Site, Admin string // host:port
	More        string // of the further sites, if there are any
	config, log string // files
	Cmd         *exec.Cmd
	ended       chan struct{} // closed when the process was waited for
}

// NewFleet starts a WeChat and a backend, and no gateway yet: Add does.
func NewFleet(t *testing.T) *Fleet {
	t.Helper()
	CountTest(t)
	f := &Fleet{T: t, Sim: wechattest.New(wechattest.Options{Apps: Secrets}), Dir: t.TempDir(), Auth: "wechat_auth", Grace: "1s"}
	sim := httptest.NewServer(f.Sim)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Header.Get("X-WeChat-OpenID"))
	}))
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	f.Http = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		for _, n := range f.Nodes {
			n.End(syscall.SIGKILL)
		}
		backend.Close()
		sim.Close()
	})
	f.Fill = strings.NewReplacer("<SIM>", sim.URL, "<UPSTREAM>", strings.TrimPrefix(backend.URL, "http://"), "<DIR>", f.Dir)
	return f
}

// Add starts one more gateway, with further lines of the global option wechat, and
// further sites, which listen on <MORE> (their addresses are http://:<MORE>).
func (f *Fleet) Add(wechat string, sites ...string) *Node {
	f.T.Helper()
	n := &Node{f: f, Site: FreeAddr(f.T), Admin: FreeAddr(f.T), More: strings.Replace(FreeAddr(f.T), "localhost", "127.0.0.1", 1)}
	n.config = filepath.Join(f.Dir, fmt.Sprintf("Caddyfile.%d", len(f.Nodes)))
	n.log = n.config + ".log"
	text := f.Fill.Replace(`{
		admin ` + n.Admin + `
		persist_config off
		skip_install_trust
		auto_https off
		grace_period ` + f.Grace + `
		storage file_system <DIR>/storage
		wechat {
			api_base <SIM>
			app ` + AppA + ` ` + SecretA + `
			login_rate off
			` + wechat + `
		}
	}
	http://` + n.Site + ` {
		bind 127.0.0.1
		` + f.Auth + `
		reverse_proxy <UPSTREAM>
	}
	` + strings.ReplaceAll(strings.Join(sites, "\n"), "<MORE>", n.More[strings.LastIndex(n.More, ":")+1:]))
	if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
		f.T.Fatal(err)
	}
	f.Nodes = append(f.Nodes, n)
	n.Start()
	return n
}

// Start starts the process and waits until it serves.
func (n *Node) Start() {
	t := n.f.T
	t.Helper()
	n.Cmd = CaddyCommand(t, "run", "--config", n.config, "--adapter", "caddyfile")
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	n.Cmd.Stdout, n.Cmd.Stderr = log, log
	if err := n.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, ended := n.Cmd, make(chan struct{})
	n.ended = ended
	go func() {
		cmd.Wait()
		close(ended)
	}()
	Await(t, "the gateway to serve", func() bool {
		select {
		case <-ended:
			text, _ := os.ReadFile(n.log)
			t.Fatalf("the gateway ended: %s", text[max(0, len(text)-2000):])
		default:
		}
		got := n.Ask("GET", "/wechat/nothing", "", "")
		return got.Err == nil && got.Status == http.StatusNotFound
	})
}

// End sends a signal and waits for the end of the process.
func (n *Node) End(signal syscall.Signal) {
	n.Cmd.Process.Signal(signal)
	<-n.ended
}

// RequireNoRace fails when the race detector, if it is built in, has seen one.
func (f *Fleet) RequireNoRace() {
	f.T.Helper()
	for _, n := range f.Nodes {
		text, err := os.ReadFile(n.log)
		if at := strings.Index(string(text), "WARNING: DATA RACE"); at >= 0 || err != nil {
			f.T.Errorf("%v, the gateway says %s", err, text[max(0, at):min(len(text), max(0, at)+3000)])
		}
	}
}

// Answer is what a gateway answered, or why it did not.
type Answer struct {
	Status int
	Body   string
	Header http.Header
	Took   time.Duration
	Err    error
}

// String is short enough for an error.
func (a Answer) String() string {
	if a.Err != nil {
		return a.Err.Error()
	}
	return fmt.Sprintf("%d %.80q", a.Status, a.Body)
}

// Ask sends a request to the site. A body is JSON.
func (n *Node) Ask(method, target, token, body string) Answer {
	return n.Request(method, "http://"+n.Site+target, token, body)
}

// Request sends a request to any URL, as Ask does to the site.
func (n *Node) Request(method, url, token, body string) (got Answer) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	begin := time.Now()
	defer func() { got.Took = time.Since(begin) }()
	response, err := n.f.Http.Do(r)
	if err != nil {
		return Answer{Err: err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return Answer{Status: response.StatusCode, Body: string(text), Header: response.Header, Err: err}
}

// Login logs a user in with a fresh code. The token is empty unless it succeeded.
func (n *Node) Login(openid string) (token string, got Answer) {
	got = n.Ask("POST", "/wechat/login", "", fmt.Sprintf(`{"code":%q}`, n.f.Sim.Login(AppA, openid)))
	var answer struct{ Token, OpenID string }
	if got.Err == nil && got.Status == http.StatusOK {
		if got.Err = json.Unmarshal([]byte(got.Body), &answer); got.Err == nil && answer.OpenID != openid {
			got.Err = fmt.Errorf("a login of %s is one of %s", openid, answer.OpenID)
		}
	}
	return answer.Token, got
}

// Use asks the backend for something.
func (n *Node) Use(token string) Answer { return n.Ask("GET", "/api", token, "") }

// Logout ends the session of a token.
func (n *Node) Logout(token string) Answer { return n.Ask("POST", "/wechat/logout", token, "") }

// Crew runs workers until it is told to stop.
type Crew struct {
	stop chan struct{}
	wg   sync.WaitGroup
}

// Work has workers call f again and again until End.
func (c *Crew) Work(workers int, f func(worker int)) {
	c.stop = make(chan struct{})
	stop := c.stop
	for i := range workers {
		c.wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f(i)
				}
			}
		})
	}
}

// End waits for the calls under way.
func (c *Crew) End() {
	close(c.stop)
	c.wg.Wait()
}
