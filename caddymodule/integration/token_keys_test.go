// token_keys_test.go: the keys behind tokens: four algorithms end to end, the
// public half at jwks.json, rotation and revocation (H14, C10 of the threat list).

package integration

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/golang-jwt/jwt/v5"
)

var asymmetric = []string{"EdDSA", "ES256", "RS256"}

// All algorithms, with keys from files and with kept ones: a login, a request, a
// logout. A backend can check an asymmetric token by jwks.json alone, with a
// library that is not the gateway's verifier; and jwks.json has no private part.
func TestAlgorithms(t *testing.T) {
	for _, algorithm := range append(asymmetric, "HS256") {
		path, _ := keyFile(t, algorithm)
		for name, block := range map[string]string{
			"file": tokenBlock(algorithm, path), "kept": "token {\nalgorithm " + algorithm + "\nissuer https://login.example/微信\n}\n",
		} {
			t.Run(algorithm+"/"+name, func(t *testing.T) {
				gw := start(t, setup{Wechat: inMemory + block, Auth: "wechat_auth {\n forward_token\n}"})
				gw.each(t, func(t *testing.T, c *client) {
					token := login(t, gw, alice)
					requireStatus(t, c.do(t, call{Token: token}), 200)
					seen := gw.up.only(t)
					requireIdentity(t, seen, alice)
					set := c.do(t, call{Target: "/wechat/jwks.json"})
					if algorithm == "HS256" {
						requireProblem(t, set, 404, "invalid_request")
					} else {
						requireStatus(t, set, 200)
						text := strings.TrimPrefix(seen.get("Authorization"), "Bearer ")
						checked, err := jwt.Parse(text, keyFromJWKS(t, set.Body), jwt.WithValidMethods([]string{algorithm}),
							jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding(), jwt.WithAudience(appA))
						if err != nil || !checked.Valid {
							t.Errorf("golang-jwt does not accept the token: %v", err)
						}
					}
					requireStatus(t, c.do(t, call{Method: "POST", Target: "/wechat/logout", Token: token}), 204)
					requireRefused(t, c.do(t, call{Token: token}))
				})
			})
		}
	}
}

// keyFromJWKS finds the key of a token in a key set, and fails if the set holds
// anything but public parts.
func keyFromJWKS(t *testing.T, set string) jwt.Keyfunc {
	t.Helper()
	var jwks struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(set), &jwks); err != nil || len(jwks.Keys) == 0 {
		t.Fatalf("jwks.json: %v %s", err, set)
	}
	number := func(text string) *big.Int { return new(big.Int).SetBytes([]byte(unb64(t, text))) }
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
				return ed25519.PublicKey(unb64(t, k["x"])), nil
			case "EC":
				return &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(k["x"]), Y: number(k["y"])}, nil
			case "RSA":
				return &rsa.PublicKey{N: number(k["n"]), E: int(number(k["e"]).Int64())}, nil
			}
		}
		return nil, jwt.ErrTokenUnverifiable
	}
}

// The oldest trick of JWT: the public key, which everybody has, as the secret of
// an HMAC (C10). In every form of the key, under every header that could work.
func TestPublicKeyAsSecret(t *testing.T) {
	for _, algorithm := range asymmetric {
		t.Run(algorithm, func(t *testing.T) {
			path, key := keyFile(t, algorithm)
			gw := start(t, setup{Wechat: inMemory + tokenBlock(algorithm, path)})
			token := login(t, gw, alice)
			parts := strings.Split(token, ".")
			head, payload := unb64(t, parts[0]), unb64(t, parts[1])
			der, err := x509.MarshalPKIXPublicKey(key.(crypto.Signer).Public())
			if err != nil {
				t.Fatal(err)
			}
			block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
			jwks := gw.h1.do(t, call{Target: "/wechat/jwks.json"}).Body
			for name, secret := range map[string][]byte{
				"DER": der, "PEM": block, "PEM without its newline": block[:len(block)-1], "base64": []byte(base64.StdEncoding.EncodeToString(der)),
				"jwks.json": []byte(jwks), "kid": []byte(kidOf(t, token)), "nothing": nil,
			} {
				for _, h := range []string{strings.Replace(head, algorithm, "HS256", 1), head, `{"alg":"HS256","typ":"JWT"}`} {
					if got := gw.h1.do(t, call{Token: signHS256(secret, h, payload)}); got.Status != 401 {
						t.Errorf("signed with %s under %s: %d", name, h, got.Status)
					}
				}
			}
			requireNoUpstream(t, gw)
			if !alive(t, gw, token) {
				t.Error("the good token is refused")
			}
		})
	}
}

// An operator changes the key by reloads: the new file goes first while the old
// one still verifies; when that is taken away its tokens end at once, although
// their sessions live. Put back, it is good again: nothing was remembered of it.
func TestKeyFileRotation(t *testing.T) {
	for _, algorithm := range []string{"HS256", "ES256"} {
		t.Run(algorithm, func(t *testing.T) {
			older, _ := keyFile(t, algorithm)
			newer, _ := keyFile(t, algorithm)
			gw := start(t, setup{Wechat: inMemory + tokenBlock(algorithm, older)})
			first := login(t, gw, alice)
			requireAlive(t, gw, first, true)

			reload(t, gw, setup{Wechat: inMemory + tokenBlock(algorithm, newer, older)})
			second := login(t, gw, eve)
			if kidOf(t, first) == kidOf(t, second) {
				t.Error("the new key does not sign")
			}
			requireAlive(t, gw, first, true)
			requireAlive(t, gw, second, true)

			reload(t, gw, setup{Wechat: inMemory + tokenBlock(algorithm, newer)})
			requireAlive(t, gw, first, false)
			requireAlive(t, gw, second, true)

			reload(t, gw, setup{Wechat: inMemory + tokenBlock(algorithm, older)})
			requireAlive(t, gw, first, true)
			requireAlive(t, gw, second, false)
		})
	}
}

// requireAlive fails unless a token opens the gate, or does not, as it should:
// over each version of HTTP.
func requireAlive(t *testing.T, gw *gateway, token string, want bool) {
	t.Helper()
	for _, c := range gw.clients() {
		got := c.do(t, call{Target: "/alive", Token: token})
		if got.Status != 200 && got.Status != 401 {
			t.Errorf("%s: status %d", c.Name, got.Status)
		}
		if (got.Status == 200) != want {
			t.Errorf("%s: status %d; want the session alive: %v", c.Name, got.Status, want)
		}
	}
}

// Caddy is stopped and started again. The keys were kept; the sessions of the
// store memory are gone. Their tokens verify, yet nobody is behind them: that is
// a 401 and a new login, not a 503 that sends the client round in circles.
func TestKeptKeysSurviveRestart(t *testing.T) {
	s := setup{Wechat: inMemory}
	gw := start(t, s)
	before := login(t, gw, alice)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := gw.load(s); err != nil {
		t.Fatal(err)
	}
	gw.hangUp()
	got := gw.h1.do(t, call{Token: before})
	requireRefused(t, got)
	if c := got.Header.Get("WWW-Authenticate"); !strings.Contains(c, "invalid_token") {
		t.Errorf("WWW-Authenticate: %s", c)
	}
	after := login(t, gw, alice)
	if kidOf(t, before) != kidOf(t, after) {
		t.Error("the key was made anew")
	}
	requireAlive(t, gw, after, true)
}

// A lifetime that is changed by a reload is that of the logins to come: those who
// are logged in stay so, to the second they were promised.
func TestLifetimeChanges(t *testing.T) {
	path, _ := keyFile(t, "HS256")
	for name, keys := range map[string]string{"kept keys": "", "key files": tokenBlock("HS256", path)} {
		t.Run(name, func(t *testing.T) {
			gw := start(t, setup{Wechat: inMemory + keys + "session_lifetime 24h\n"})
			long := login(t, gw, alice)
			tokens := []string{long}
			for _, lifetime := range []string{"1h", "48h", "30m"} {
				reload(t, gw, setup{Wechat: inMemory + keys + "session_lifetime " + lifetime + "\n"})
				tokens = append(tokens, login(t, gw, alice))
				for i, token := range tokens {
					if !alive(t, gw, token) {
						t.Errorf("with %s: session %d is gone", lifetime, i)
					}
				}
			}
			for i, want := range []float64{86400, 3600, 172800, 1800} {
				m := sessionOf(t, gw, tokens[i])
				if got := m["expires_at"].(float64) - m["issued_at"].(float64); got != want {
					t.Errorf("session %d lasts %v s; want %v", i, got, want)
				}
			}
		})
	}
}
