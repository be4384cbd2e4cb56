// seal_nodes_test.go: gateways that share a Redis and key files, and no storage:
// the key files are all that they need in common.

package integration

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// apart starts one more gateway of the fleet, with a storage of its own.
func (f *fleet) apart(wechat string) *node {
	f.t.Helper()
	dir := f.t.TempDir()
	own := *f
	own.dir, own.nodes = dir, nil
	own.fill = strings.NewReplacer("<SIM>", f.fill.Replace("<SIM>"), "<UPSTREAM>", f.fill.Replace("<UPSTREAM>"), "<DIR>", dir)
	n := own.add(wechat)
	f.nodes = append(f.nodes, n)
	return n
}

// change puts another text in the place of one in a running gateway's Caddyfile.
func (n *node) change(before, after string) {
	t := n.f.t
	t.Helper()
	text, err := os.ReadFile(n.config)
	if err != nil || !strings.Contains(string(text), before) {
		t.Fatalf("%v, or no %q in the Caddyfile", err, before)
	}
	text = []byte(strings.Replace(string(text), before, after, 1))
	if err := os.WriteFile(n.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := adapt(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := n.request("POST", "http://"+n.Admin+"/load", "", string(config)); got.status != http.StatusOK {
		t.Fatalf("reloading: %v", got)
	}
	n.f.http.CloseIdleConnections()
	time.Sleep(300 * time.Millisecond) // what the old server takes last gets no answer
}

// requireUse fails unless a gateway answers a user's request so.
func (n *node) requireUse(token, openid string, want int) {
	n.f.t.Helper()
	if got := n.use(token); got.status != want || want == http.StatusOK && got.body != openid {
		n.f.t.Errorf("%s at %s: %v; want %d", openid, n.config, got, want)
	}
}

// requireLogin logs somebody in, or ends the test.
func (n *node) requireLogin(openid string) string {
	n.f.t.Helper()
	token, got := n.login(openid)
	if token == "" {
		n.f.t.Fatalf("login of %s = %v", openid, got)
	}
	return token
}

// listed reports whether a gateway's operator sees a user's session.
func (n *node) listed(openid, id string) bool {
	n.f.t.Helper()
	got := n.request("GET", "http://"+n.Admin+"/wechat/sessions?appid="+appA+"&openid="+openid, "", "")
	if got.status != http.StatusOK {
		n.f.t.Errorf("the list of sessions: %v", got)
	}
	return strings.Contains(got.body, `"`+id+`"`)
}

// requireNoKeptSealKey fails if a gateway keeps a seal key in its storage.
func (n *node) requireNoKeptSealKey() {
	n.f.t.Helper()
	if _, err := os.Stat(filepath.Join(n.f.dir, "storage", "wechat", "seal_keys.json")); !os.IsNotExist(err) {
		n.f.t.Errorf("a seal key in storage beside the key files: %v", err)
	}
}

// A login on one node is good on every node, with nothing in common but Redis and
// the key; for the asymmetric one even in two forms of the same key. A logout on
// one is one on all.
func TestNodesShareOnlyTheKeyFile(t *testing.T) {
	redis := startRedis(t)
	for _, algorithm := range []string{"HS256", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			path, key := keyFile(t, algorithm)
			other := path
			if k, ok := key.(*ecdsa.PrivateKey); ok {
				der, err := x509.MarshalECPrivateKey(k)
				if err != nil {
					t.Fatal(err)
				}
				other = filepath.Join(t.TempDir(), "sec1.pem")
				if err := os.WriteFile(other, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			store := "store redis redis://" + redis.Addr + " {\nprefix " + algorithm + ":\n}\n"
			f := newFleet(t)
			a, b := f.apart(store+tokenBlock(algorithm, path)), f.apart(store+tokenBlock(algorithm, other))
			for _, way := range [][2]*node{{a, b}, {b, a}} {
				near, far := way[0], way[1]
				token := near.requireLogin(alice)
				far.requireUse(token, alice, 200)
				if !far.listed(alice, idOf(t, token)) {
					t.Error("the other gateway does not list the session")
				}
				if got := far.logout(token); got.status != http.StatusNoContent {
					t.Errorf("logout at the other gateway: %v", got)
				}
				await(t, "the logout to be seen", func() bool { return near.use(token).status == http.StatusUnauthorized })
			}
			got := a.request("POST", "http://"+a.Admin+"/wechat/keys/rotate?kind=seal", "", "")
			if got.status != http.StatusConflict || !strings.Contains(got.body, "put a new file first") {
				t.Errorf("rotating a seal key that is not kept: %v", got)
			}
			a.requireNoKeptSealKey()
			b.requireNoKeptSealKey()
			f.requireNoRace()
		})
	}
}

// The operator changes the key on both nodes, step by step, by reloads: nobody is
// thrown out until the old file goes. Then its tokens are over, and what it has
// sealed is unreadable: the user's session keys among it, which must not keep him
// from logging in again and from sending open data.
func TestNodesRotateKeyFiles(t *testing.T) {
	redis := startRedis(t)
	older, _ := keyFile(t, "HS256")
	newer, _ := keyFile(t, "HS256")
	line := func(paths ...string) string { return "key_file " + strings.Join(paths, " ") + "\n" }
	f := newFleet(t)
	store := "store redis redis://" + redis.Addr + "\n"
	nodes := []*node{f.apart(store + tokenBlock("HS256", older)), f.apart(store + tokenBlock("HS256", older))}
	a, b := nodes[0], nodes[1]
	type issued struct{ token, openid string }
	var tokens []issued
	loginAll := func(step int) {
		for i, n := range nodes {
			openid := user(10*step + i)
			tokens = append(tokens, issued{n.requireLogin(openid), openid})
		}
	}
	requireAll := func() {
		t.Helper()
		for _, one := range tokens {
			for _, n := range nodes {
				n.requireUse(one.token, one.openid, 200)
			}
		}
	}
	before := a.requireLogin(alice)
	loginAll(0)
	requireAll()
	for step, change := range [][2]string{{line(older), line(older, newer)}, {line(older, newer), line(newer, older)}} {
		for i, n := range nodes { // between the two, the nodes are of two minds
			n.change(change[0], change[1])
			loginAll(2*step + i + 1)
			requireAll()
		}
	}
	between := a.requireLogin(eve)
	if kidOf(t, before) == kidOf(t, between) {
		t.Fatal("the new file does not sign")
	}
	b.requireUse(before, alice, 200)
	b.requireUse(between, eve, 200)

	for _, n := range nodes {
		n.change(line(newer, older), line(newer))
	}
	for _, n := range nodes {
		n.requireUse(before, alice, 401)
		n.requireUse(between, eve, 200)
	}
	after := b.requireLogin(alice)
	for _, n := range nodes {
		n.requireUse(after, alice, 200)
		data, iv, err := f.sim.Encrypt(appA, alice, []byte(marked(n.Site, time.Now())))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := json.Marshal(members{"encryptedData": data, "iv": iv})
		want := fmt.Sprintf(`{"text":%q}`, n.Site)
		if got := n.ask("POST", "/wechat/opendata", after, string(body)); got.status != 200 || strings.TrimSpace(got.body) != want {
			t.Errorf("open data after the change: %v; want %s", got, want)
		}
	}
	if b.listed(alice, idOf(t, before)) || !a.listed(alice, idOf(t, after)) {
		t.Error("the list of alice's sessions is not the one after the change")
	}
	f.requireNoRace()
}
