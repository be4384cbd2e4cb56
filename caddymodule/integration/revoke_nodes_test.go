// revoke_nodes_test.go: a key that is revoked on one node is revoked on all of them,
// and their logins stay good on each other.

package integration

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

// revokedWithin is what the contract allows all nodes.
const revokedWithin = 10 * time.Second

func TestRevokedKeyOnAllNodes(t *testing.T) {
	redis := gatewaytest.StartRedis(t)
	f := gatewaytest.NewFleet(t)
	one := f.Add("store redis redis://" + redis.Addr)
	two := f.Add("store redis redis://" + redis.Addr)
	defer f.RequireNoRace()

	login := func(n *gatewaytest.Node) string {
		t.Helper()
		token, got := n.Login(gatewaytest.Alice)
		if token == "" {
			t.Fatalf("a login: %v", got)
		}
		return token
	}
	require := func(what string, n *gatewaytest.Node, token string, status int) {
		t.Helper()
		if got := n.Use(token); got.Err != nil || got.Status != status {
			t.Errorf("%s: %v, want %d", what, got, status)
		}
	}
	old := login(two)
	require("before the revocation", two, old, http.StatusOK)
	kid := one.Signer(t)

	since := time.Now()
	got := one.Request("DELETE", "http://"+one.Admin+"/wechat/keys/"+kid, "", "")
	if got.Err != nil || got.Status != http.StatusOK {
		t.Fatalf("revoking: %v", got)
	}
	require("the old token where it was revoked", one, old, http.StatusUnauthorized)

	// nobody tells the other node but storage, which it looks into
	gatewaytest.Await(t, "the other node to refuse the revoked key", func() bool {
		return two.Use(old).Status == http.StatusUnauthorized
	})
	if took := time.Since(since); took > revokedWithin {
		t.Errorf("the other node took the revoked key for %v", took)
	}
	if signs := two.Signer(t); signs == kid {
		t.Error("the other node signs with the revoked key")
	}
	require("a login of the other node", one, login(two), http.StatusOK)
}

// A node that has not yet heard of a new key by itself learns of it from the first
// token that names it: no login fails on the other node for a moment.
func TestNewKeyIsFoundByItsToken(t *testing.T) {
	redis := gatewaytest.StartRedis(t)
	f := gatewaytest.NewFleet(t)
	one := f.Add("store redis redis://" + redis.Addr)
	two := f.Add("store redis redis://" + redis.Addr)
	defer f.RequireNoRace()
	for range 3 {
		kid := one.Signer(t)
		if got := one.Request("DELETE", "http://"+one.Admin+"/wechat/keys/"+kid, "", ""); got.Status != http.StatusOK {
			t.Fatalf("revoking: %v", got)
		}
		token, got := one.Login(gatewaytest.Alice)
		if token == "" {
			t.Fatalf("a login: %v", got)
		}
		if got := two.Use(token); got.Status != http.StatusOK || got.Body != gatewaytest.Alice {
			t.Errorf("the other node, at once: %v", got)
		}
		if signs := two.Signer(t); signs == kid {
			t.Error("the other node knows of the new key, and still signs with the revoked one")
		}
	}

	// a token that names a key of nobody is refused as ever, and soon
	for range 2 {
		token, _ := one.Login(gatewaytest.Alice)
		_, rest, _ := strings.Cut(token, ".")
		kid := gatewaytest.KeyID(t, token)
		head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"` + kid[1:] + kid[:1] + `","typ":"JWT"}`))
		if got := two.Use(head + "." + rest); got.Status != http.StatusUnauthorized || got.Took > 3*time.Second {
			t.Errorf("a token of a key that there is not: %v after %v", got, got.Took)
		}
	}
}
