// keyof.go: which key of a ring a token names.

package token

import "strings"

// KeyOf returns the kid of the ring's key that a token names in its header; empty when
// the header is not that of one of them. Nothing else of the token is looked at.
func (r *Keyring) KeyOf(text string) string {
	header, _, _ := strings.Cut(text, ".")
	if key := r.byHeader[header]; key != nil {
		return key.kid
	}
	return ""
}

// Has reports whether a key of that kid is in the ring, and so verifies.
func (r *Keyring) Has(kid string) bool {
	for _, key := range r.keys {
		if key.kid == kid {
			return true
		}
	}
	return false
}
