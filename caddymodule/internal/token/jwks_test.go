// jwks_test.go: the key set against the RFCs and against a stranger who reads it.

package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// The thumbprints that RFC 7638, 3.1 and RFC 8037, A.3 compute.
func TestThumbprintsOfTheRFCs(t *testing.T) {
	n := `0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw`
	rsaKey := &rsa.PublicKey{N: new(big.Int).SetBytes(unb64(t, n)), E: 65537}
	edKey := ed25519.PublicKey(unb64(t, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))
	for want, c := range map[string]struct {
		alg Algorithm
		key any
	}{
		"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs": {RS256, rsaKey},
		"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k": {EdDSA, edKey},
	} {
		sum, err := thumbprint(c.key)
		if got := base64.RawURLEncoding.EncodeToString(sum[:]); err != nil || got != want {
			t.Errorf("thumbprint = %s, %v; want %s", got, err, want)
		}
		if k, err := NewKey(c.alg, c.key); err != nil || k.KID() != want[:kidLength] {
			t.Errorf("kid = %v, %v; want %s", k, err, want[:kidLength])
		}
	}
}

// A stranger who has only the key set can verify our tokens, and the set holds
// exactly the members it should: never a private one.
func TestKeySetVerifiesTokens(t *testing.T) {
	members := map[Algorithm]string{
		RS256: "alg e kid kty n use", ES256: "alg crv kid kty use x y", EdDSA: "alg crv kid kty use x",
	}
	for _, alg := range []Algorithm{EdDSA, ES256, RS256} {
		k := testKeys()[alg]
		r, clock := testRing(t, k, testKeys()[HS256])
		var set struct{ Keys []map[string]string }
		if err := json.Unmarshal(r.JWKS(), &set); err != nil || len(set.Keys) != 1 {
			t.Fatalf("%s: %s, %v; want one key", alg, r.JWKS(), err)
		}
		got := set.Keys[0]
		for _, name := range strings.Fields(members[alg]) {
			if got[name] == "" {
				t.Errorf("%s: no %s in %s", alg, name, r.JWKS())
			}
		}
		if len(got) != len(strings.Fields(members[alg])) || got["use"] != "sig" || got["alg"] != string(alg) || got["kid"] != k.KID() {
			t.Errorf("%s: key set %s", alg, r.JWKS())
		}
		var public any
		switch got["kty"] + got["crv"] {
		case "RSA":
			public = &rsa.PublicKey{N: new(big.Int).SetBytes(unb64(t, got["n"])), E: int(new(big.Int).SetBytes(unb64(t, got["e"])).Int64())}
		case "ECP-256":
			if len(got["x"]) != 43 || len(got["y"]) != 43 {
				t.Errorf("coordinates have to be 32 bytes each: %s", r.JWKS())
			}
			public = &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(unb64(t, got["x"])), Y: new(big.Int).SetBytes(unb64(t, got["y"]))}
		case "OKPEd25519":
			public = ed25519.PublicKey(unb64(t, got["x"]))
		}
		_, err := jwt.Parse(mustMint(t, r, testClaims()), func(token *jwt.Token) (any, error) {
			if token.Header["kid"] != got["kid"] {
				t.Errorf("%s: the token names kid %v", alg, token.Header["kid"])
			}
			return public, nil
		}, jwt.WithTimeFunc(clock.now), jwt.WithValidMethods([]string{got["alg"]}))
		if err != nil {
			t.Errorf("%s: a reader of the key set refuses our token: %v", alg, err)
		}
	}
}

func TestKeySetOfSecretsIsEmpty(t *testing.T) {
	r, _ := testRing(t, testKeys()[HS256])
	if got := string(r.JWKS()); got != `{"keys":[]}` {
		t.Errorf("JWKS = %s", got)
	}
	text := r.JWKS()
	text[0] = 'x'
	if string(r.JWKS()) != `{"keys":[]}` {
		t.Error("a caller can change the ring's key set")
	}
}

func unb64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
