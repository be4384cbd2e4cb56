// signature.go: rawData, proven by its SHA-1 signature.

package opendata

import (
	"crypto/sha1" // WeChat's rule, not our choice
	"crypto/subtle"
	"encoding/hex"
)

// verifyAll reports for each key whether signature = hex(sha1(rawData + session key
// text)) over the exact bytes of rawData, which must be one strict JSON object of at
// most 8 KiB, halves of characters apart (see MendHalves).
//
// The hex must be lower case, as WeChat sends it: one signature, one spelling.
// A key that is not the base64 of 16 bytes never matches; with an empty one,
// anybody could sign. Keys are compared in constant time and all are tried.
//
// rawData holds no openid and no time, and SHA-1 collides: it is a nickname to
// show, however well it verifies.
func verifyAll(rawData, signature string, keys []string) (pass [maxKeys]int) {
	if rawData == "" || len(rawData) > maxObject || len(keys) > maxKeys {
		return pass
	}
	raw := []byte(rawData)
	o, _ := scan(mended(rawData))
	for i, k := range keys {
		_, ok := parseKey(k)
		h := sha1.New()
		h.Write(raw)
		h.Write([]byte(k))
		var sum [sha1.Size]byte
		var text [2 * sha1.Size]byte
		hex.Encode(text[:], h.Sum(sum[:0]))
		pass[i] = ok & o.ok & subtle.ConstantTimeCompare(text[:], []byte(signature))
	}
	return pass
}
