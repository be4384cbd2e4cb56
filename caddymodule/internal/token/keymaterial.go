// keymaterial.go: which keys of the standard library are sound for which algorithm.

package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/secretfile"
)

// fit checks that material is a sound key for alg and splits it in its parts.
func fit(alg Algorithm, material any) (keyParts, error) {
	var parts keyParts
	var kind Algorithm
	var check error
	switch m := material.(type) {
	case []byte:
		m = bytes.Clone(m) // the caller may wipe or reuse its own
		parts, kind, check = keyParts{private: m, public: m}, HS256, secretfile.Check(m)
	case ed25519.PrivateKey:
		if len(m) != ed25519.PrivateKeySize {
			return keyParts{}, errors.New("the Ed25519 key has a wrong length")
		}
		parts, kind = keyParts{private: m, public: m.Public()}, EdDSA
	case ed25519.PublicKey:
		if len(m) != ed25519.PublicKeySize {
			return keyParts{}, errors.New("the Ed25519 key has a wrong length")
		}
		parts, kind = keyParts{public: m}, EdDSA
	case *ecdsa.PrivateKey:
		parts, kind, check = keyParts{private: m, public: &m.PublicKey}, ES256, checkEC(&m.PublicKey)
	case *ecdsa.PublicKey:
		parts, kind, check = keyParts{public: m}, ES256, checkEC(m)
	case *rsa.PrivateKey:
		parts, kind, check = keyParts{private: m, public: &m.PublicKey}, RS256, checkRSA(&m.PublicKey)
	case *rsa.PublicKey:
		parts, kind, check = keyParts{public: m}, RS256, checkRSA(m)
	default:
		return keyParts{}, fmt.Errorf("%s needs %s; this is a key of another kind", alg, keyKinds[alg])
	}
	// Before the check: that a P-384 key is no RSA key matters more than its curve.
	if kind != alg {
		return keyParts{}, fmt.Errorf("%s needs %s; this is %s", alg, keyKinds[alg], materialKinds[kind])
	}
	if check != nil {
		return keyParts{}, check
	}
	return parts, nil
}

var (
	keyKinds = map[Algorithm]string{
		HS256: "a secret of at least 32 bytes", EdDSA: "an Ed25519 key", ES256: "a P-256 key", RS256: "an RSA key",
	}
	materialKinds = map[Algorithm]string{
		HS256: "a secret", EdDSA: "an Ed25519 key", ES256: "an elliptic curve key", RS256: "an RSA key",
	}
)

func checkEC(public *ecdsa.PublicKey) error {
	if public.Curve != elliptic.P256() {
		return errors.New("ES256 needs a key on the curve P-256; this one is on another")
	}
	return nil
}

// checkRSA bounds the size from above as well: a huge key makes each check slow
// and tokens longer than Verify takes.
func checkRSA(public *rsa.PublicKey) error {
	if public.N == nil {
		return errors.New("the RSA key has no modulus")
	}
	if bits := public.N.BitLen(); bits < 2048 || bits > 8192 {
		return fmt.Errorf("the RSA key has %d bits; use 2048 to 8192", bits)
	}
	if public.E < 65537 || public.E%2 == 0 {
		return errors.New("the RSA key has an unsafe public exponent; make a new one with exponent 65537")
	}
	return nil
}
