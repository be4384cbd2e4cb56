// revoke_nodes_test.go: a key that is revoked on one node is revoked on all of them,
// and their logins stay good on each other.

package integration

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// revokedWithin is what the contract allows all nodes.
const revokedWithin = 10 * time.Second

// signer is the kid of the key by which the node signs.
func (n *node) signer(t *testing.T) string {
	t.Helper()
	got := n.request("GET", "http://"+n.Admin+"/wechat/keys", "", "")
	var answer struct {
		Keys []struct{ Kid, State string }
	}
	if err := json.Unmarshal([]byte(got.body), &answer); got.err != nil || err != nil {
		t.Fatalf("listing keys: %v, %v", got, err)
	}
	for _, key := range answer.Keys {
		if key.State == "signing" {
			return key.Kid
		}
	}
	t.Fatalf("no key signs: %v", got)
	return ""
}

func TestRevokedKeyOnAllNodes(t *testing.T) {
	redis := startRedis(t)
	f := newFleet(t)
	one := f.add("store redis redis://" + redis.Addr)
	two := f.add("store redis redis://" + redis.Addr)
	defer f.requireNoRace()

	login := func(n *node) string {
		t.Helper()
		token, got := n.login(alice)
		if token == "" {
			t.Fatalf("a login: %v", got)
		}
		return token
	}
	require := func(what string, n *node, token string, status int) {
		t.Helper()
		if got := n.use(token); got.err != nil || got.status != status {
			t.Errorf("%s: %v, want %d", what, got, status)
		}
	}
	old := login(two)
	require("before the revocation", two, old, http.StatusOK)
	kid := one.signer(t)

	since := time.Now()
	got := one.request("DELETE", "http://"+one.Admin+"/wechat/keys/"+kid, "", "")
	if got.err != nil || got.status != http.StatusOK {
		t.Fatalf("revoking: %v", got)
	}
	require("the old token where it was revoked", one, old, http.StatusUnauthorized)

	// nobody tells the other node but storage, which it looks into
	await(t, "the other node to refuse the revoked key", func() bool {
		return two.use(old).status == http.StatusUnauthorized
	})
	if took := time.Since(since); took > revokedWithin {
		t.Errorf("the other node took the revoked key for %v", took)
	}
	if signs := two.signer(t); signs == kid {
		t.Error("the other node signs with the revoked key")
	}
	require("a login of the other node", one, login(two), http.StatusOK)
}

// A node that has not yet heard of a new key by itself learns of it from the first
// token that names it: no login fails on the other node for a moment.
func TestNewKeyIsFoundByItsToken(t *testing.T) {
	redis := startRedis(t)
	f := newFleet(t)
	one := f.add("store redis redis://" + redis.Addr)
	two := f.add("store redis redis://" + redis.Addr)
	defer f.requireNoRace()
	for range 3 {
		kid := one.signer(t)
		if got := one.request("DELETE", "http://"+one.Admin+"/wechat/keys/"+kid, "", ""); got.status != http.StatusOK {
			t.Fatalf("revoking: %v", got)
		}
		token, got := one.login(alice)
		if token == "" {
			t.Fatalf("a login: %v", got)
		}
		if got := two.use(token); got.status != http.StatusOK || got.body != alice {
			t.Errorf("the other node, at once: %v", got)
		}
		if signs := two.signer(t); signs == kid {
			t.Error("the other node knows of the new key, and still signs with the revoked one")
		}
	}

	// a token that names a key of nobody is refused as ever, and soon
	for range 2 {
		token, _ := one.login(alice)
		_, rest, _ := strings.Cut(token, ".")
		kid := kidOf(t, token)
		head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"` + kid[1:] + kid[:1] + `","typ":"JWT"}`))
		if got := two.use(head + "." + rest); got.status != http.StatusUnauthorized || got.took > 3*time.Second {
			t.Errorf("a token of a key that there is not: %v after %v", got, got.took)
		}
	}
}
