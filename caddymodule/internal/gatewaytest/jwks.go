// jwks.go: keys as backends find them.

package gatewaytest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// KeyFromJWKS finds the key of a token in a key set, and fails if the set holds
// anything but public parts.
func KeyFromJWKS(t *testing.T, set string) jwt.Keyfunc {
	t.Helper()
	var jwks struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(set), &jwks); err != nil || len(jwks.Keys) == 0 {
		t.Fatalf("jwks.json: %v %s", err, set)
	}
	number := func(text string) *big.Int { return new(big.Int).SetBytes([]byte(Unbase64(t, text))) }
	return func(token *jwt.Token) (any, error) {
		for _, k := range jwks.Keys {
			want := map[string][]string{
				"OKP": {"alg", "crv", "kid", "kty", "use", "x"}, "EC": {"alg", "crv", "kid", "kty", "use", "x", "y"},
				"RSA": {"alg", "e", "kid", "kty", "n", "use"},
			}[k["kty"]]
			if got := slices.Sorted(maps.Keys(k)); !slices.Equal(got, want) {
				t.Errorf("a key of jwks.json has the members %q", got)
			}
			if k["kid"] != token.Header["kid"] || k["alg"] != token.Header["alg"] {
				continue
			}
			switch k["kty"] {
			case "OKP":
				return ed25519.PublicKey(Unbase64(t, k["x"])), nil
			case "EC":
				return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), []byte("\x04"+Unbase64(t, k["x"])+Unbase64(t, k["y"])))
			case "RSA":
				return &rsa.PublicKey{N: number(k["n"]), E: int(number(k["e"]).Int64())}, nil
			}
		}
		return nil, jwt.ErrTokenUnverifiable
	}
}

// RequireAlive fails unless a token opens the gate, or does not, as it should:
// over each version of HTTP.
func RequireAlive(t *testing.T, gw *Gateway, token string, want bool) {
	t.Helper()
	for _, c := range gw.Clients() {
		got := c.Do(t, Call{Target: "/alive", Token: token})
		if got.Status != 200 && got.Status != 401 {
			t.Errorf("%s: status %d", c.Name, got.Status)
		}
		if (got.Status == 200) != want {
			t.Errorf("%s: status %d; want the session alive: %v", c.Name, got.Status, want)
		}
	}
}
