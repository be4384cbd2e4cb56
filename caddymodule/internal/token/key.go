// key.go: one key, its one algorithm, and the one header it accepts.

package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"

	"github.com/golang-jwt/jwt/v5"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/redact"
)

// Algorithm names how a key signs, in the words of RFC 7518 and RFC 8037.
type Algorithm string

// The algorithms of the gateway. HS256 is the default: the smallest and fastest
// token, good where nobody but the gateway has to verify it.
const (
	HS256 Algorithm = "HS256"
	EdDSA Algorithm = "EdDSA" // Ed25519 only
	ES256 Algorithm = "ES256"
	RS256 Algorithm = "RS256"
)

// method is golang-jwt's implementation, nil for an algorithm we do not have.
func (a Algorithm) method() jwt.SigningMethod {
	switch a {
	case HS256:
		return jwt.SigningMethodHS256
	case EdDSA:
		return jwt.SigningMethodEdDSA
	case ES256:
		return jwt.SigningMethodES256
	case RS256:
		return jwt.SigningMethodRS256
	default:
		return nil
	}
}

// ParseAlgorithm takes the exact names only.
func ParseAlgorithm(name string) (Algorithm, error) {
	if a := Algorithm(name); a.method() != nil {
		return a, nil
	}
	const use = "use HS256, EdDSA, ES256 or RS256"
	if len(name) > 8 { // it may be a secret that slipped there
		return "", errors.New("unknown token algorithm; " + use)
	}
	return "", fmt.Errorf("unknown token algorithm %q; %s", name, use)
}

// Key is one key with its one algorithm. It is immutable, safe for concurrent
// use, and shows only its kid and algorithm however it is printed.
type Key struct {
	redact.Shown
	alg    Algorithm
	kid    string
	header string // the exact first segment of every token of this key
	// The same of every assertion; empty where the key can make none.
	assertionHeader string

	method jwt.SigningMethod
	// Behind a function, as no printer can walk into one. A pointer is not
	// enough: fmt follows it for a verb that does not fit, such as %s.
	parts func() keyParts
}

// keyParts are kept as interfaces because golang-jwt takes them so, and boxing
// a []byte anew for every request would allocate.
type keyParts struct {
	private any // nil for a key that only verifies
	public  any // for HS256 the secret
}

// NewKey makes a key for alg from a []byte secret (HS256), or from a private or
// public key of the standard library. A public key makes a key that can only
// verify. Weak keys and keys of another kind than alg are refused.
func NewKey(alg Algorithm, material any) (*Key, error) {
	method := alg.method()
	if method == nil {
		_, err := ParseAlgorithm(string(alg))
		return nil, err
	}
	parts, err := fit(alg, material)
	if err != nil {
		return nil, err
	}
	k := &Key{alg: alg, method: method, parts: func() keyParts { return parts }}
	if k.kid, err = keyID(parts.public); err != nil {
		return nil, err
	}
	k.Shown = redact.Shown("token key " + k.kid + " (" + string(alg) + ")")
	// Halves that do not belong together would mint tokens nobody accepts.
	const probe = "self test"
	if k.CanSign() {
		if sig, err := k.sign(probe); err != nil || !k.verify(probe, sig) {
			return nil, errors.New("the key is damaged: it does not verify its own signature")
		}
	}
	k.header = k.headerOf("JWT")
	if alg != HS256 {
		k.assertionHeader = k.headerOf(assertionType)
	}
	return k, nil
}

// headerOf is the first segment of what the key signs, for a type of JWT.
func (k *Key) headerOf(typ string) string {
	return base64.RawURLEncoding.EncodeToString(
		[]byte(`{"alg":"` + string(k.alg) + `","kid":"` + k.kid + `","typ":"` + typ + `"}`))
}

// GenerateKey makes a new key. RSA gets 2048 bits: kept keys can be rotated,
// and a larger one costs every client longer headers on every request. Its kid does
// not begin with a dash, which a command would take for an option.
func GenerateKey(alg Algorithm) (*Key, error) {
	for {
		key, err := generate(alg)
		if err != nil || key.kid[0] != '-' {
			return key, err
		}
	}
}

func generate(alg Algorithm) (*Key, error) {
	switch alg {
	case HS256:
		secret := make([]byte, sha256.Size)
		rand.Read(secret) // never fails: it crashes the program instead
		return NewKey(alg, secret)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("making an Ed25519 key: %w", err)
		}
		return NewKey(alg, private)
	case ES256:
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("making a P-256 key: %w", err)
		}
		return NewKey(alg, private)
	case RS256:
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, fmt.Errorf("making an RSA key: %w", err)
		}
		return NewKey(alg, private)
	default:
		_, err := ParseAlgorithm(string(alg))
		return nil, err
	}
}

// KID is the key's id in token headers and key sets.
func (k *Key) KID() string { return k.kid }

// Algorithm is the only one this key signs and verifies with.
func (k *Key) Algorithm() Algorithm { return k.alg }

// CanSign is false for a key made from a public key.
func (k *Key) CanSign() bool { return k.parts().private != nil }

func (k *Key) sign(text string) ([]byte, error) {
	sig, err := k.method.Sign(text, k.parts().private)
	if err == nil && k.alg == ES256 {
		lowS(sig)
	}
	return sig, err
}

func (k *Key) verify(text string, sig []byte) bool {
	if k.method.Verify(text, sig, k.parts().public) != nil {
		return false
	}
	// Of the two signatures (r, s) and (r, n-s) that ECDSA takes for one text
	// we sign and accept the lower; otherwise every token has two spellings.
	// The other three algorithms have one valid signature form by themselves.
	return k.alg != ES256 || bytes.Compare(sig[32:], p256HalfOrder[:]) <= 0
}

var p256HalfOrder = func() (half [32]byte) {
	new(big.Int).Rsh(elliptic.P256().Params().N, 1).FillBytes(half[:])
	return half
}()

// lowS replaces s by n-s if that is the lower one. sig is r and s, 32 bytes each.
func lowS(sig []byte) {
	if bytes.Compare(sig[32:], p256HalfOrder[:]) > 0 {
		s := new(big.Int).SetBytes(sig[32:])
		s.Sub(elliptic.P256().Params().N, s).FillBytes(sig[32:])
	}
}

// kidLength is 16 base64 characters, 96 bits: short, as every request carries it.
const kidLength = 16

// keyID is the RFC 7638 thumbprint of a public key. For a secret it is an HMAC
// under the secret itself, so it tells no more than any token does, and secrets
// that HMAC treats alike (trailing NUL bytes) get one kid and count as
// duplicates. The label holds bytes that no signing input can hold.
func keyID(public any) (string, error) {
	var sum []byte
	if secret, ok := public.([]byte); ok {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte("wechat gateway: key id of an HS256 secret"))
		sum = mac.Sum(nil)
	} else {
		thumb, err := thumbprint(public)
		if err != nil {
			return "", err
		}
		sum = thumb[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum)[:kidLength], nil
}
