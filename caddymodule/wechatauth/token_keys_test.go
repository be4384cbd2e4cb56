// token_keys_test.go: the keys behind tokens: four algorithms end to end, the
// public half at jwks.json, rotation and revocation (H14, C10 of the threat list).

package wechatauth_test

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/golang-jwt/jwt/v5"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/gatewaytest"
)

var asymmetric = []string{"EdDSA", "ES256", "RS256"}

// All algorithms, with keys from files and with kept ones: a login, a request, a
// logout. A backend can check an asymmetric token by jwks.json alone, with a
// library that is not the gateway's verifier; and jwks.json has no private part.
func TestAlgorithms(t *testing.T) {
	for _, algorithm := range append(asymmetric, "HS256") {
		path, _ := gatewaytest.KeyFile(t, algorithm)
		for name, block := range map[string]string{
			"file": gatewaytest.TokenBlock(algorithm, path), "kept": "token {\nalgorithm " + algorithm + "\nissuer https://login.example/微信\n}\n",
		} {
			t.Run(algorithm+"/"+name, func(t *testing.T) {
				gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory + block, Auth: "wechat_auth {\n forward_token\n}"})
				gw.Each(t, func(t *testing.T, c *gatewaytest.Client) {
					token := gatewaytest.Login(t, gw, gatewaytest.Alice)
					gatewaytest.RequireStatus(t, c.Do(t, gatewaytest.Call{Token: token}), 200)
					seen := gw.Upstream.Only(t)
					gatewaytest.RequireIdentity(t, seen, gatewaytest.Alice)
					set := c.Do(t, gatewaytest.Call{Target: "/wechat/jwks.json"})
					if algorithm == "HS256" {
						gatewaytest.RequireProblem(t, set, 404, "invalid_request")
					} else {
						gatewaytest.RequireStatus(t, set, 200)
						text := strings.TrimPrefix(seen.Get("Authorization"), "Bearer ")
						checked, err := jwt.Parse(text, gatewaytest.KeyFromJWKS(t, set.Body), jwt.WithValidMethods([]string{algorithm}),
							jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding(), jwt.WithAudience(gatewaytest.AppA))
						if err != nil || !checked.Valid {
							t.Errorf("golang-jwt does not accept the token: %v", err)
						}
					}
					gatewaytest.RequireStatus(t, c.Do(t, gatewaytest.Call{Method: "POST", Target: "/wechat/logout", Token: token}), 204)
					gatewaytest.RequireRefused(t, c.Do(t, gatewaytest.Call{Token: token}))
				})
			})
		}
	}
}

// The oldest trick of JWT: the public key, which everybody has, as the secret of
// an HMAC (C10). In every form of the key, under every header that could work.
func TestPublicKeyAsSecret(t *testing.T) {
	for _, algorithm := range asymmetric {
		t.Run(algorithm, func(t *testing.T) {
			path, key := gatewaytest.KeyFile(t, algorithm)
			gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory + gatewaytest.TokenBlock(algorithm, path)})
			token := gatewaytest.Login(t, gw, gatewaytest.Alice)
			parts := strings.Split(token, ".")
			head, payload := gatewaytest.Unbase64(t, parts[0]), gatewaytest.Unbase64(t, parts[1])
			der, err := x509.MarshalPKIXPublicKey(key.(crypto.Signer).Public())
			if err != nil {
				t.Fatal(err)
			}
			block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
			jwks := gw.H1.Do(t, gatewaytest.Call{Target: "/wechat/jwks.json"}).Body
			for name, secret := range map[string][]byte{
				"DER": der, "PEM": block, "PEM without its newline": block[:len(block)-1], "base64": []byte(base64.StdEncoding.EncodeToString(der)),
				"jwks.json": []byte(jwks), "kid": []byte(gatewaytest.KeyID(t, token)), "nothing": nil,
			} {
				for _, h := range []string{strings.Replace(head, algorithm, "HS256", 1), head, `{"alg":"HS256","typ":"JWT"}`} {
					if got := gw.H1.Do(t, gatewaytest.Call{Token: gatewaytest.SignHS256(secret, h, payload)}); got.Status != 401 {
						t.Errorf("signed with %s under %s: %d", name, h, got.Status)
					}
				}
			}
			gatewaytest.RequireNoUpstream(t, gw)
			if !gatewaytest.Alive(t, gw, token) {
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
			older, _ := gatewaytest.KeyFile(t, algorithm)
			newer, _ := gatewaytest.KeyFile(t, algorithm)
			gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory + gatewaytest.TokenBlock(algorithm, older)})
			first := gatewaytest.Login(t, gw, gatewaytest.Alice)
			gatewaytest.RequireAlive(t, gw, first, true)

			gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory + gatewaytest.TokenBlock(algorithm, newer, older)})
			second := gatewaytest.Login(t, gw, gatewaytest.Eve)
			if gatewaytest.KeyID(t, first) == gatewaytest.KeyID(t, second) {
				t.Error("the new key does not sign")
			}
			gatewaytest.RequireAlive(t, gw, first, true)
			gatewaytest.RequireAlive(t, gw, second, true)

			gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory + gatewaytest.TokenBlock(algorithm, newer)})
			gatewaytest.RequireAlive(t, gw, first, false)
			gatewaytest.RequireAlive(t, gw, second, true)

			gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory + gatewaytest.TokenBlock(algorithm, older)})
			gatewaytest.RequireAlive(t, gw, first, true)
			gatewaytest.RequireAlive(t, gw, second, false)
		})
	}
}

// Caddy is stopped and started again. The keys were kept; the sessions of the
// store memory are gone. Their tokens verify, yet nobody is behind them: that is
// a 401 and a new login, not a 503 that sends the client round in circles.
func TestKeptKeysSurviveRestart(t *testing.T) {
	s := gatewaytest.Setup{Wechat: gatewaytest.InMemory}
	gw := gatewaytest.Start(t, s)
	before := gatewaytest.Login(t, gw, gatewaytest.Alice)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := gw.Load(s); err != nil {
		t.Fatal(err)
	}
	gw.HangUp()
	got := gw.H1.Do(t, gatewaytest.Call{Token: before})
	gatewaytest.RequireRefused(t, got)
	if c := got.Header.Get("WWW-Authenticate"); !strings.Contains(c, "invalid_token") {
		t.Errorf("WWW-Authenticate: %s", c)
	}
	after := gatewaytest.Login(t, gw, gatewaytest.Alice)
	if gatewaytest.KeyID(t, before) != gatewaytest.KeyID(t, after) {
		t.Error("the key was made anew")
	}
	gatewaytest.RequireAlive(t, gw, after, true)
}

// A lifetime that is changed by a reload is that of the logins to come: those who
// are logged in stay so, to the second they were promised.
func TestLifetimeChanges(t *testing.T) {
	path, _ := gatewaytest.KeyFile(t, "HS256")
	for name, keys := range map[string]string{"kept keys": "", "key files": gatewaytest.TokenBlock("HS256", path)} {
		t.Run(name, func(t *testing.T) {
			gw := gatewaytest.Start(t, gatewaytest.Setup{Wechat: gatewaytest.InMemory + keys + "session_lifetime 24h\n"})
			long := gatewaytest.Login(t, gw, gatewaytest.Alice)
			tokens := []string{long}
			for _, lifetime := range []string{"1h", "48h", "30m"} {
				gatewaytest.Reload(t, gw, gatewaytest.Setup{Wechat: gatewaytest.InMemory + keys + "session_lifetime " + lifetime + "\n"})
				tokens = append(tokens, gatewaytest.Login(t, gw, gatewaytest.Alice))
				for i, token := range tokens {
					if !gatewaytest.Alive(t, gw, token) {
						t.Errorf("with %s: session %d is gone", lifetime, i)
					}
				}
			}
			for i, want := range []float64{86400, 3600, 172800, 1800} {
				m := gatewaytest.SessionOf(t, gw, tokens[i])
				if got := m["expires_at"].(float64) - m["issued_at"].(float64); got != want {
					t.Errorf("session %d lasts %v s; want %v", i, got, want)
				}
			}
		})
	}
}
