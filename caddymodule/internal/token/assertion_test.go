// assertion_test.go: what a backend can check for itself, and that an assertion and
// a token are never taken for one another.

package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func testAssertion() Assertion {
	return Assertion{
		Subject: "oALICE-4gxHf5SqvXWnkP0mBd3c_", AppID: "wx0123456789abcdef", UnionID: "o6_bmasdasdsad6_2sgVt7hMZOPfL",
		SessionID: "q5RrYdqE0pVdW3vY2nqTbg", Audience: "api.example.com",
	}
}

func mustAssert(t testing.TB, r *Keyring, a Assertion) string {
	t.Helper()
	text, err := r.MintAssertion(a)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var asymmetric = []Algorithm{EdDSA, ES256, RS256}

func TestMintedAssertion(t *testing.T) {
	for _, alg := range asymmetric {
		r, _ := testRing(t, testKeys()[alg])
		parts := strings.Split(mustAssert(t, r, testAssertion()), ".")
		head, _ := base64.RawURLEncoding.DecodeString(parts[0])
		body, _ := base64.RawURLEncoding.DecodeString(parts[1])
		if want := `{"alg":"` + string(alg) + `","kid":"` + testKeys()[alg].KID() + `","typ":"wechat-assertion+jwt"}`; string(head) != want {
			t.Errorf("header = %s; want %s", head, want)
		}
		const want = `{"iss":"wechat-gateway","sub":"oALICE-4gxHf5SqvXWnkP0mBd3c_","appid":"wx0123456789abcdef","unionid":"o6_bmasdasdsad6_2sgVt7hMZOPfL",` +
			`"sid":"q5RrYdqE0pVdW3vY2nqTbg","aud":"api.example.com","iat":1800000000,"exp":1800000060}`
		if string(body) != want {
			t.Errorf("payload = %s; want %s", body, want)
		}
		a := testAssertion()
		a.UnionID = ""
		body, _ = base64.RawURLEncoding.DecodeString(strings.Split(mustAssert(t, r, a), ".")[1])
		if strings.Contains(string(body), "unionid") {
			t.Errorf("payload = %s; want no unionid", body)
		}
	}
}

// A backend that could check an HS256 assertion could make one.
func TestNoAssertionWithASharedSecret(t *testing.T) {
	r, _ := testRing(t, testKeys()[HS256], testKeys()[EdDSA])
	if _, err := r.MintAssertion(testAssertion()); err == nil || r.CanAssert() {
		t.Error("minted")
	}
	if r, _ := testRing(t, testKeys()[EdDSA], testKeys()[HS256]); !r.CanAssert() {
		t.Error("CanAssert = false with a signing key of EdDSA")
	}
}

func TestAssertionsThatAreNotMinted(t *testing.T) {
	r, _ := testRing(t, testKeys()[EdDSA])
	for name, edit := range map[string]func(*Assertion){
		"no subject":           func(a *Assertion) { a.Subject = "" },
		"quote in subject":     func(a *Assertion) { a.Subject = `o","sub":"p` },
		"no appid":             func(a *Assertion) { a.AppID = "" },
		"no session":           func(a *Assertion) { a.SessionID = "" },
		"control in unionid":   func(a *Assertion) { a.UnionID = "o\x1b" },
		"long unionid":         func(a *Assertion) { a.UnionID = strings.Repeat("o", 129) },
		"no audience":          func(a *Assertion) { a.Audience = "" },
		"long audience":        func(a *Assertion) { a.Audience = strings.Repeat("a", 256) },
		"control in audience":  func(a *Assertion) { a.Audience = "api\n" },
		"audience not UTF-8":   func(a *Assertion) { a.Audience = "api\xff" },
		"audience of a token":  func(a *Assertion) { a.Audience = "wx0123456789abcdef" },
		"the same, upper case": func(a *Assertion) { a.Audience = "wx0123456789ABCDEF" },
	} {
		a := testAssertion()
		edit(&a)
		if _, err := r.MintAssertion(a); err == nil {
			t.Errorf("%s: minted", name)
		} else if strings.Contains(err.Error(), "oALICE") {
			t.Errorf("%s: the error quotes the claims: %v", name, err)
		}
	}
	for _, aud := range []string{"wx.example.com", "wx0123456789abcdeg", "https://api.example.com/?a=1&b=2", "网关", `quo"te`} {
		a := testAssertion()
		a.Audience = aud
		if got, err := backend(r, aud, true)(mustAssert(t, r, a)); err != nil || got["aud"] != aud {
			t.Errorf("audience %q: the backend read %v, %v", aud, got["aud"], err)
		}
	}
}

// backend is how a backend checks what it gets: by the gateway's key set and a
// library of the shelf, with the type or, carelessly, without.
func backend(r *Keyring, aud string, checkType bool) func(text string) (jwt.MapClaims, error) {
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(r.JWKS(), &set); err != nil {
		panic(err)
	}
	number := func(s string) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			panic(err)
		}
		return new(big.Int).SetBytes(b)
	}
	public := func(k map[string]string) crypto.PublicKey {
		switch k["kty"] {
		case "OKP":
			b, _ := base64.RawURLEncoding.DecodeString(k["x"])
			return ed25519.PublicKey(b)
		case "EC":
			return &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(k["x"]), Y: number(k["y"])}
		default:
			return &rsa.PublicKey{N: number(k["n"]), E: int(number(k["e"]).Int64())}
		}
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"EdDSA", "ES256", "RS256"}), jwt.WithIssuer(r.issuer),
		jwt.WithAudience(aud), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(r.now))
	return func(text string) (jwt.MapClaims, error) {
		claims := jwt.MapClaims{}
		_, err := parser.ParseWithClaims(text, claims, func(tok *jwt.Token) (any, error) {
			if checkType && tok.Header["typ"] != "wechat-assertion+jwt" {
				return nil, errors.New("it is no assertion")
			}
			for _, k := range set.Keys {
				if k["kid"] == tok.Header["kid"] && k["alg"] == tok.Method.Alg() {
					return public(k), nil
				}
			}
			return nil, errors.New("unknown key")
		})
		return claims, err
	}
}

func TestBackendChecksAssertions(t *testing.T) {
	for _, alg := range asymmetric {
		r, clock := testRing(t, testKeys()[alg])
		text := mustAssert(t, r, testAssertion())
		check := backend(r, "api.example.com", true)
		if got, err := check(text); err != nil || got["sub"] != testAssertion().Subject || got["appid"] != testAssertion().AppID || got["sid"] != testAssertion().SessionID {
			t.Errorf("%s: the backend read %v, %v", alg, got, err)
		}
		if _, err := backend(r, "shop.example.com", true)(text); err == nil {
			t.Errorf("%s: another backend takes it", alg)
		}
		if _, err := check(tamper(text, strings.IndexByte(text, '.')+20)); err == nil {
			t.Errorf("%s: a changed assertion is taken", alg)
		}
		clock.forward(AssertionLifetime - time.Second)
		if _, err := check(text); err != nil {
			t.Errorf("%s: a second before its end: %v", alg, err)
		}
		clock.forward(time.Second)
		if _, err := check(text); err == nil {
			t.Errorf("%s: taken at its end", alg)
		}
	}
}

// A backend has an assertion of everybody who calls it. It must not be able to call
// the gateway as one of them; and a user, who has a token, must not be able to call
// the backend past the gateway with it, for a day and after a logout.
func TestAssertionAndTokenAreNotTakenForOneAnother(t *testing.T) {
	for _, alg := range asymmetric {
		k := testKeys()[alg]
		r, _ := testRing(t, k)
		assertion := mustAssert(t, r, testAssertion())
		refused(t, r, string(alg)+": an assertion", assertion, nil)

		// each half alone has to be enough: the header of the one with the claims of the other
		asserts := `{"alg":"` + string(alg) + `","kid":"` + k.kid + `","typ":"wechat-assertion+jwt"}`
		body, _ := base64.RawURLEncoding.DecodeString(strings.Split(assertion, ".")[1])
		refused(t, r, string(alg)+": a token's claims in an assertion", forge(t, k, asserts, payload(testClaims())), nil)
		refused(t, r, string(alg)+": an assertion's claims in a token", forge(t, k, header(k), string(body)), nil)
		for _, typ := range []string{"jwt", "JWT ", "at+jwt", "application/jwt", "wechat-assertion+jwt"} {
			refused(t, r, string(alg)+": typ "+typ, forge(t, k, strings.Replace(header(k), `"JWT"`, `"`+typ+`"`, 1), payload(testClaims())), nil)
		}

		tok := mustMint(t, r, testClaims())
		for _, careful := range []bool{true, false} {
			if _, err := backend(r, "api.example.com", careful)(tok); err == nil {
				t.Errorf("%s: the backend takes a token, looking at typ: %v", alg, careful)
			}
		}
		if _, err := backend(r, testClaims().Audience, true)(tok); err == nil {
			t.Errorf("%s: a backend that calls itself as the app takes a token", alg)
		}
	}
}
