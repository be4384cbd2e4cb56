// fingerprint.go: recognising data that was already accepted.

package opendata

import (
	"crypto/aes"
	"crypto/sha256"
	"encoding/base64"
)

// fingerprint returns 22 characters (base64url, 128 bits) that name this piece
// of encrypted data, for callers that accept each piece once per session.
// It needs no key and proves nothing.
//
// It is taken from the last cipher block alone. Under CBC that block depends on
// iv and plaintext whole, so two honest pieces never share it, while a replay
// with an edited iv or without its first blocks still does. Spelling the base64
// differently changes nothing either.
func (in sealed) fingerprint() string {
	return fingerprint(in.blocks[len(in.blocks)-aes.BlockSize:])
}

func fingerprint(b []byte) string {
	sum := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
