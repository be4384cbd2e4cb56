// derive.go: a secret for another use, from the private part of a key.

package token

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
)

// DerivedBytes is the length of a derived secret.
const DerivedBytes = sha256.Size

// Derive makes the secret for a use that label names, by HKDF-SHA-256 from the
// private part: the same on every node that has the key, whatever form its file
// has. From the derived secret nobody learns anything of the key or of
// another label's secret, nor from tokens and public keys anything of
// the derived secret. A key that only verifies has none: then it is nil.
func (k *Key) Derive(label string) ([]byte, error) {
	if !k.CanSign() {
		return nil, nil
	}
	private, err := k.privateBytes()
	if err != nil {
		return nil, err
	}
	secret, err := hkdf.Key(sha256.New, private, nil, label, DerivedBytes)
	if err != nil {
		return nil, fmt.Errorf("deriving a secret from token key %s: %w", k.kid, err)
	}
	return secret, nil
}

// privateBytes is the HS256 secret, or the private key as PKCS#8, encoded anew:
// one key has one encoding, from whatever file it came. It must not be changed.
func (k *Key) privateBytes() ([]byte, error) {
	private := k.parts().private
	if secret, ok := private.([]byte); ok {
		return secret, nil
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		// Without the cause: a library's words about a private key stay inside.
		return nil, fmt.Errorf("encoding token key %s failed", k.kid)
	}
	return der, nil
}
