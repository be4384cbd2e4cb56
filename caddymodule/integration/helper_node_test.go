// helper_node_test.go: gateways as processes of their own, which can be killed,
// around them one WeChat and one backend, and users with many requests.

package integration

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

// longer is how long a test of this file's kind goes on: shortly by default, so
// that all of them are run each time, and for as long as the environment says.
func longer(t *testing.T, short time.Duration) time.Duration {
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

// many is how often a test of this file's kind does its thing: as often as it says by
// default, and as often as the environment says.
func many(t *testing.T, few int) int {
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

// fleet is gateways with the same WeChat and backend, and the same keys in Caddy's
// storage. The backend tells the client who it was told is calling.
type fleet struct {
	t     *testing.T
	sim   *wechattest.Server
	fill  *strings.Replacer
	dir   string
	http  *http.Client
	auth  string // the gate of the site
	grace string // how long what is under way may take when a gateway is ended kindly
	nodes []*node
}

// node is one gateway.
type node struct {
	f           *fleet
	Site, Admin string // host:port
	More        string // of the further sites, if there are any
	config, log string // files
	cmd         *exec.Cmd
	ended       chan struct{} // closed when the process was waited for
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	countTest(t)
	f := &fleet{t: t, sim: wechattest.New(wechattest.Options{Apps: secrets}), dir: t.TempDir(), auth: "wechat_auth", grace: "1s"}
	sim := httptest.NewServer(f.sim)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Header.Get("X-WeChat-OpenID"))
	}))
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	f.http = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		for _, n := range f.nodes {
			n.end(syscall.SIGKILL)
		}
		backend.Close()
		sim.Close()
	})
	f.fill = strings.NewReplacer("<SIM>", sim.URL, "<UPSTREAM>", strings.TrimPrefix(backend.URL, "http://"), "<DIR>", f.dir)
	return f
}

// add starts one more gateway, with further lines of the global option wechat, and
// further sites, which listen on <MORE> (their addresses are http://:<MORE>).
func (f *fleet) add(wechat string, sites ...string) *node {
	f.t.Helper()
	n := &node{f: f, Site: freeAddr(f.t), Admin: freeAddr(f.t), More: strings.Replace(freeAddr(f.t), "localhost", "127.0.0.1", 1)}
	n.config = filepath.Join(f.dir, fmt.Sprintf("Caddyfile.%d", len(f.nodes)))
	n.log = n.config + ".log"
	text := f.fill.Replace(`{
		admin ` + n.Admin + `
		persist_config off
		skip_install_trust
		auto_https off
		grace_period ` + f.grace + `
		storage file_system <DIR>/storage
		wechat {
			api_base <SIM>
			app ` + appA + ` ` + secretA + `
			login_rate off
			` + wechat + `
		}
	}
	http://` + n.Site + ` {
		bind 127.0.0.1
		` + f.auth + `
		reverse_proxy <UPSTREAM>
	}
	` + strings.ReplaceAll(strings.Join(sites, "\n"), "<MORE>", n.More[strings.LastIndex(n.More, ":")+1:]))
	if err := os.WriteFile(n.config, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.nodes = append(f.nodes, n)
	n.start()
	return n
}

// start starts the process and waits until it serves.
func (n *node) start() {
	t := n.f.t
	t.Helper()
	args := []string{"run", "--config", n.config, "--adapter", "caddyfile"}
	n.cmd = caddyCommand(t, args...)
	if built := os.Getenv(builtCaddy); built != "" {
		env := n.cmd.Env
		n.cmd = exec.CommandContext(t.Context(), built, args...)
		n.cmd.Env = env
	}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	n.cmd.Stdout, n.cmd.Stderr = log, log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, ended := n.cmd, make(chan struct{})
	n.ended = ended
	go func() {
		cmd.Wait()
		close(ended)
	}()
	await(t, "the gateway to serve", func() bool {
		select {
		case <-ended:
			text, _ := os.ReadFile(n.log)
			t.Fatalf("the gateway ended: %s", text[max(0, len(text)-2000):])
		default:
		}
		got := n.ask("GET", "/wechat/nothing", "", "")
		return got.err == nil && got.status == http.StatusNotFound
	})
}

// end sends a signal and waits for the end of the process.
func (n *node) end(signal syscall.Signal) {
	n.cmd.Process.Signal(signal)
	<-n.ended
}

// requireNoRace fails when the race detector, if it is built in, has seen one.
func (f *fleet) requireNoRace() {
	f.t.Helper()
	for _, n := range f.nodes {
		text, err := os.ReadFile(n.log)
		if at := strings.Index(string(text), "WARNING: DATA RACE"); at >= 0 || err != nil {
			f.t.Errorf("%v, the gateway says %s", err, text[max(0, at):min(len(text), max(0, at)+3000)])
		}
	}
}

// told is what a gateway answered, or why it did not.
type told struct {
	status int
	body   string
	header http.Header
	took   time.Duration
	err    error
}

func (a told) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("%d %.80q", a.status, a.body)
}

// ask sends a request to the site. A body is JSON.
func (n *node) ask(method, target, token, body string) told {
	return n.request(method, "http://"+n.Site+target, token, body)
}

func (n *node) request(method, url, token, body string) (got told) {
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
	defer func() { got.took = time.Since(begin) }()
	response, err := n.f.http.Do(r)
	if err != nil {
		return told{err: err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return told{status: response.StatusCode, body: string(text), header: response.Header, err: err}
}

// login logs a user in with a fresh code. The token is empty unless it succeeded.
func (n *node) login(openid string) (token string, got told) {
	got = n.ask("POST", "/wechat/login", "", fmt.Sprintf(`{"code":%q}`, n.f.sim.Login(appA, openid)))
	var answer struct{ Token, OpenID string }
	if got.err == nil && got.status == http.StatusOK {
		if got.err = json.Unmarshal([]byte(got.body), &answer); got.err == nil && answer.OpenID != openid {
			got.err = fmt.Errorf("a login of %s is one of %s", openid, answer.OpenID)
		}
	}
	return answer.Token, got
}

func (n *node) use(token string) told    { return n.ask("GET", "/api", token, "") }
func (n *node) logout(token string) told { return n.ask("POST", "/wechat/logout", token, "") }

// crew runs workers until it is told to stop.
type crew struct {
	stop chan struct{}
	wg   sync.WaitGroup
}

func (c *crew) work(workers int, f func(worker int)) {
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

func (c *crew) end() {
	close(c.stop)
	c.wg.Wait()
}
