// key.go: one key, what is derived from it, and the form of what it seals.

package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/redact"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/secretfile"
)

const (
	// version is the first byte of every sealed value. Another one is refused.
	version = 1

	idSize     = 4
	headerSize = 1 + idSize
	nonceEnd   = headerSize + chacha20poly1305.NonceSizeX

	// Overhead is how much longer a sealed value is than its plaintext.
	Overhead = nonceEnd + chacha20poly1305.Overhead
)

// The labels keep what is derived from one secret apart, also from what other
// parts of the gateway may derive from it.
const (
	cipherLabel = "wechat gateway: seal version 1, XChaCha20-Poly1305 key"
	idLabel     = "wechat gateway: seal version 1, key id"
)

// keyID names a key in sealed values. It tells nothing about the secret.
type keyID [idSize]byte

func (id keyID) String() string { return hex.EncodeToString(id[:]) }

// key is immutable, safe for concurrent use, and shows only its id however it
// is printed.
type key struct {
	redact.Shown
	id keyID
	// Behind a function, as no printer can walk into one.
	parts func() keyParts
}

type keyParts struct {
	secret []byte
	aead   cipher.AEAD
}

// newKey refuses weak secrets.
func newKey(secret []byte) (*key, error) {
	if err := secretfile.Check(secret); err != nil {
		return nil, err
	}
	secret = bytes.Clone(secret) // the caller may wipe or reuse its own
	cipherKey, err := hkdf.Key(sha256.New, secret, nil, cipherLabel, chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("deriving the cipher key: %w", err)
	}
	id, err := hkdf.Key(sha256.New, secret, nil, idLabel, idSize)
	if err != nil {
		return nil, fmt.Errorf("deriving the key id: %w", err)
	}
	aead, err := chacha20poly1305.NewX(cipherKey)
	if err != nil {
		return nil, fmt.Errorf("preparing the cipher: %w", err)
	}
	parts := keyParts{secret: secret, aead: aead}
	return &key{Shown: redact.Shown("seal key " + keyID(id).String()), id: keyID(id), parts: func() keyParts { return parts }}, nil
}

// begin makes the start of a sealed value, its nonce still zero, with room for
// the rest.
func (k *key) begin(plaintextSize int) []byte {
	sealed := make([]byte, nonceEnd, Overhead+plaintextSize)
	sealed[0] = version
	copy(sealed[1:], k.id[:])
	return sealed
}

// finish appends the ciphertext to what begin made and the caller gave a nonce.
func (k *key) finish(sealed, plaintext, associated []byte) []byte {
	return k.parts().aead.Seal(sealed, sealed[headerSize:], plaintext, bound(sealed, associated))
}

// open returns the plaintext in memory of its own, empty but never nil for an
// empty one: to a store, nil is another value.
func (k *key) open(sealed, associated []byte) ([]byte, error) {
	plaintext := make([]byte, 0, len(sealed)-Overhead)
	return k.parts().aead.Open(plaintext, sealed[headerSize:nonceEnd], sealed[nonceEnd:], bound(sealed, associated))
}

// bound is what the tag covers beside the ciphertext. The header has one size,
// so no two pairs of header and associated data look alike.
func bound(sealed, associated []byte) []byte {
	b := make([]byte, 0, headerSize+len(associated))
	return append(append(b, sealed[:headerSize]...), associated...)
}
