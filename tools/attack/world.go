// world.go: what is attacked, and everything around it: the gateways, a
// simulator of WeChat behind a witness, the backend, users who are logged in.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caddy-wechat/caddy-wechat/tools/internal/child"
)

// world is everything that runs.
type world struct {
	backend  *backend
	wechat   *witness // stands between the gateways and the simulator
	sim      string   // URL of the simulator
	sites    []*site
	gateways map[string]*gateway

	tokens      map[string]string // by "<gateway> <app> <who>"
	secrets     []secret
	nonces      map[string]bool // of all shots
	certificate []byte          // PEM
	ends        []func()
	sample      int        // how many requests of each case are sent. 0: all
	mu          sync.Mutex // guards secrets
}

// site is a site with its addresses.
type site struct {
	siteSpec
	http, https string // 127.0.0.1:port
}

// gateway is a running process.
type gateway struct {
	gatewaySpec
	key, stranger any // the one that it signs with, and another of the same kind
	admin         string
	log           string
}

// startWorld starts all and logs the users in.
func startWorld(ctx context.Context, bin, dir string) (w *world, err error) {
	w = &world{gateways: make(map[string]*gateway), tokens: make(map[string]string), nonces: make(map[string]bool)}
	defer func() {
		if err != nil {
			w.stop()
		}
	}()
	if w.backend, err = startBackend(); err != nil {
		return nil, err
	}
	w.ends = append(w.ends, w.backend.stop)
	if err := w.startSimulator(ctx, bin, dir); err != nil {
		return nil, err
	}
	if w.certificate, err = writeCertificate(dir); err != nil {
		return nil, err
	}
	for _, spec := range sites {
		s := &site{siteSpec: spec}
		if s.http, err = freePort(); err != nil {
			return nil, err
		}
		if s.https, err = freePort(); err != nil {
			return nil, err
		}
		w.sites = append(w.sites, s)
	}
	var children []*child.Child
	for _, spec := range gateways {
		c, err := w.startGateway(spec, bin, dir)
		if err != nil {
			return nil, err
		}
		children = append(children, c)
	}
	for i, c := range children {
		for _, s := range w.sites {
			if s.gateway != gateways[i].name {
				continue
			}
			for _, addr := range []string{s.http, s.https} {
				if err := c.Listens(ctx, addr); err != nil {
					return nil, err
				}
			}
		}
	}
	return w, w.populate()
}

func (w *world) stop() {
	for i := len(w.ends) - 1; i >= 0; i-- {
		w.ends[i]()
	}
}

func (w *world) startSimulator(ctx context.Context, bin, dir string) error {
	addr, err := freePort()
	if err != nil {
		return err
	}
	home := filepath.Join(dir, "wechatsim")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	program, err := filepath.Abs(filepath.Join(bin, "wechatsim"))
	if err != nil {
		return err
	}
	// no unionid: what a user does not have, only the client can have sent
	c, err := child.Start(home, "wechatsim", os.Environ(), program, "-listen", addr, "-unionid=false", "-key-refresh", "1h",
		"-app", appA+":"+secretA, "-app", appB+":"+secretB)
	if err != nil {
		return err
	}
	w.ends = append(w.ends, func() { c.End() })
	w.sim = "http://" + addr
	w.wechat, err = startWitness(w.sim)
	if err != nil {
		return err
	}
	w.ends = append(w.ends, w.wechat.stop)
	return c.Listens(ctx, addr)
}

func (w *world) startGateway(spec gatewaySpec, bin, dir string) (*child.Child, error) {
	g := &gateway{gatewaySpec: spec}
	home := filepath.Join(dir, spec.name)
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	var content []byte
	var err error
	if g.key, content, err = newKey(spec.algorithm); err != nil {
		return nil, err
	}
	if g.stranger, _, err = newKey(spec.algorithm); err != nil {
		return nil, err
	}
	if g.admin, err = freePort(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(home, "token.key"), content, 0o600); err != nil {
		return nil, err
	}
	w.hide("the signing key of "+spec.name, strings.TrimSpace(string(content)))
	if err := os.WriteFile(filepath.Join(home, "Caddyfile"), []byte(spec.caddyfile(w, g.admin, "token.key")), 0o600); err != nil {
		return nil, err
	}
	program, err := filepath.Abs(filepath.Join(bin, "caddy"))
	if err != nil {
		return nil, err
	}
	env := append(os.Environ(), "SECRET_aa="+secretA, "SECRET_bb="+secretB, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
	c, err := child.Start(home, spec.name, env, program, "run", "--config", "Caddyfile", "--adapter", "caddyfile")
	if err != nil {
		return nil, err
	}
	g.log = c.Log
	w.gateways[spec.name] = g
	w.ends = append(w.ends, func() { c.End() })
	return c, nil
}

func (w *world) site(name string) *site {
	for _, s := range w.sites {
		if s.name == name {
			return s
		}
	}
	return nil
}

// token is a token of a user at a site, or of a session that is over.
func (w *world) token(s *site, who string) (string, error) {
	app := s.app
	if who == "otherapp" {
		app, who = otherApp(app), "alice"
	}
	token, ok := w.tokens[s.gateway+" "+app+" "+who]
	if !ok {
		return "", errors.New("nobody is logged in by that name")
	}
	return token, nil
}

// code is what wx.login gives a user.
func (w *world) code(app, who string) (string, error) {
	openid := map[string]string{"alice": alice, "bob": bob, "eve": eve}[who]
	if openid == "" {
		openid = who
	}
	var answer struct{ Code string }
	status, text, err := post(w.sim+"/sim/login", fmt.Sprintf(`{"openid":%q,"appid":%q}`, openid, app))
	if err == nil {
		err = json.Unmarshal([]byte(text), &answer)
	}
	if err != nil || answer.Code == "" {
		return "", fmt.Errorf("the simulator gave no code: %d %s %w", status, text, err)
	}
	return answer.Code, nil
}

// login logs a user in at a site, over HTTP/1.1.
func (w *world) login(s *site, app, who string) (string, error) {
	code, err := w.code(app, who)
	if err != nil {
		return "", err
	}
	status, text, err := post("http://"+localhost(s.http)+"/wechat/login", fmt.Sprintf(`{"code":%q,"appid":%q}`, code, app))
	var answer struct{ Token string }
	if err != nil || json.Unmarshal([]byte(text), &answer) != nil || status != http.StatusOK {
		return "", fmt.Errorf("logging %s in at %s: %d %s %v", who, s.name, status, text, err)
	}
	if !strings.Contains(who, "careless") {
		w.hide("a token of "+who, answer.Token)
	}
	return answer.Token, nil
}

// post sends JSON.
func post(url, body string) (status int, text string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	return answerOf(r)
}

func answerOf(r *http.Request) (status int, text string, err error) {
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	var b bytes.Buffer
	_, err = io.Copy(&b, response.Body)
	return response.StatusCode, b.String(), err
}

var handedOut sync.Map

// freePort is an address whose port is free for TCP and UDP, never given twice.
func freePort() (string, error) {
	for range 100 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		addr := tcp.Addr().String()
		udp, err := net.ListenPacket("udp", addr)
		tcp.Close()
		if err != nil {
			continue
		}
		udp.Close()
		if _, given := handedOut.LoadOrStore(addr, true); !given {
			return addr, nil
		}
	}
	return "", errors.New("no port is free for both TCP and UDP")
}
