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

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// A login on one node is good on every node, with nothing in common but Redis and
// the key; for the asymmetric one even in two forms of the same key. A logout on
// one is one on all.
func TestNodesShareOnlyTheKeyFile(t *testing.T) {
	redis := gatewaytest.StartRedis(t)
	for _, algorithm := range []string{"HS256", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			path, key := gatewaytest.KeyFile(t, algorithm)
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
			f := gatewaytest.NewFleet(t)
			a, b := f.Apart(store+gatewaytest.TokenBlock(algorithm, path)), f.Apart(store+gatewaytest.TokenBlock(algorithm, other))
			for _, way := range [][2]*gatewaytest.Node{{a, b}, {b, a}} {
				near, far := way[0], way[1]
				token := near.RequireLogin(gatewaytest.Alice)
				far.RequireUse(token, gatewaytest.Alice, 200)
				if !far.Listed(gatewaytest.Alice, gatewaytest.SessionID(t, token)) {
					t.Error("the other gateway does not list the session")
				}
				if got := far.Logout(token); got.Status != http.StatusNoContent {
					t.Errorf("logout at the other gateway: %v", got)
				}
				gatewaytest.Await(t, "the logout to be seen", func() bool { return near.Use(token).Status == http.StatusUnauthorized })
			}
			got := a.Request("POST", "http://"+a.Admin+"/wechat/keys/rotate?kind=seal", "", "")
			if got.Status != http.StatusConflict || !strings.Contains(got.Body, "put a new file first") {
				t.Errorf("rotating a seal key that is not kept: %v", got)
			}
			a.RequireNoKeptSealKey()
			b.RequireNoKeptSealKey()
			f.RequireNoRace()
		})
	}
}

// The operator changes the key on both nodes, step by step, by reloads: nobody is
// thrown out until the old file goes. Then its tokens are over, and what it has
// sealed is unreadable: the user's session keys among it, which must not keep him
// from logging in again and from sending open data.
func TestNodesRotateKeyFiles(t *testing.T) {
	redis := gatewaytest.StartRedis(t)
	older, _ := gatewaytest.KeyFile(t, "HS256")
	newer, _ := gatewaytest.KeyFile(t, "HS256")
	line := func(paths ...string) string { return "key_file " + strings.Join(paths, " ") + "\n" }
	f := gatewaytest.NewFleet(t)
	store := "store redis redis://" + redis.Addr + "\n"
	nodes := []*gatewaytest.Node{f.Apart(store + gatewaytest.TokenBlock("HS256", older)), f.Apart(store + gatewaytest.TokenBlock("HS256", older))}
	a, b := nodes[0], nodes[1]
	type issued struct{ token, openid string }
	var tokens []issued
	loginAll := func(step int) {
		for i, n := range nodes {
			openid := gatewaytest.User(10*step + i)
			tokens = append(tokens, issued{n.RequireLogin(openid), openid})
		}
	}
	requireAll := func() {
		t.Helper()
		for _, one := range tokens {
			for _, n := range nodes {
				n.RequireUse(one.token, one.openid, 200)
			}
		}
	}
	before := a.RequireLogin(gatewaytest.Alice)
	loginAll(0)
	requireAll()
	for step, change := range [][2]string{{line(older), line(older, newer)}, {line(older, newer), line(newer, older)}} {
		for i, n := range nodes { // between the two, the nodes are of two minds
			n.Change(change[0], change[1])
			loginAll(2*step + i + 1)
			requireAll()
		}
	}
	between := a.RequireLogin(gatewaytest.Eve)
	if gatewaytest.KeyID(t, before) == gatewaytest.KeyID(t, between) {
		t.Fatal("the new file does not sign")
	}
	b.RequireUse(before, gatewaytest.Alice, 200)
	b.RequireUse(between, gatewaytest.Eve, 200)

	for _, n := range nodes {
		n.Change(line(newer, older), line(newer))
	}
	for _, n := range nodes {
		n.RequireUse(before, gatewaytest.Alice, 401)
		n.RequireUse(between, gatewaytest.Eve, 200)
	}
	after := b.RequireLogin(gatewaytest.Alice)
	for _, n := range nodes {
		n.RequireUse(after, gatewaytest.Alice, 200)
		data, iv, err := f.Sim.Encrypt(gatewaytest.AppA, gatewaytest.Alice, []byte(gatewaytest.Marked(n.Site, time.Now())))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := json.Marshal(gatewaytest.Members{"encryptedData": data, "iv": iv})
		want := fmt.Sprintf(`{"text":%q}`, n.Site)
		if got := n.Ask("POST", "/wechat/opendata", after, string(body)); got.Status != 200 || strings.TrimSpace(got.Body) != want {
			t.Errorf("open data after the change: %v; want %s", got, want)
		}
	}
	if b.Listed(gatewaytest.Alice, gatewaytest.SessionID(t, before)) || !a.Listed(gatewaytest.Alice, gatewaytest.SessionID(t, after)) {
		t.Error("the list of alice's sessions is not the one after the change")
	}
	f.RequireNoRace()
}
