// fingerprint.go: recognising data that was already accepted.

package opendata

import (
	"crypto/aes"
	"crypto/sha256"
	"encoding/base64"
)

// Fingerprint returns 22 characters (base64url, 128 bits) that name this piece
// of encrypted data, for callers that accept each piece once per session.
// It needs no key and proves nothing; ErrInvalid when req has not the shape of
// open data. Opened carries the same value.
//
// It is taken from the last cipher block alone. Under CBC that block depends on
// iv and plaintext whole, so two honest pieces never share it, while a replay
// with an edited iv or without its first blocks still does. Spelling the base64
// differently changes nothing either.
func Fingerprint(req Request) (string, error) {
	in, ok := unseal(req, make([]string, 1)) // shape only: any one key will do
	if !ok {
		return "", ErrInvalid
	}
	return in.fingerprint(), nil
}

func (in sealed) fingerprint() string {
	return fingerprint(in.blocks[len(in.blocks)-aes.BlockSize:])
}

func fingerprint(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
