// id.go: the names of sessions, which say whose they are.

package session

import (
	"crypto/rand"
	"encoding/base64"
)

// An id is 64 random bits in 11 characters, then the user as stores know them, a
// hash. So anyone who holds an id knows where to look, and a store needs no list of
// where sessions are. Ids of before were 128 random bits, of nobody: stores
// that kept their sessions still find those.
const (
	randomLen = 11
	userLen   = 22
	oldIDLen  = 22
)

// newID makes a session id for a user. None begins with a dash, which commands
// would take for an option.
func newID(user string) string {
	for {
		var b [8]byte
		rand.Read(b[:])
		if id := base64.RawURLEncoding.EncodeToString(b[:]); id[0] != '-' {
			return id + user
		}
	}
}

// ValidID reports whether s has the form of a session id: 33 characters of
// [A-Za-z0-9_-], or 22 of a session that was made before ids named the user.
func ValidID(s string) bool {
	switch len(s) {
	case randomLen + userLen:
		return validText(s[:randomLen], 8) && validText(s[randomLen+appTagLen:], -1) && validText(s[randomLen:][:appTagLen], 3)
	case oldIDLen:
		return validText(s, 16)
	}
	return false
}

// validText reports whether s is n bytes in base64url; -1 is any characters of it.
func validText(s string, n int) bool {
	if n < 0 {
		for i := range len(s) {
			c := s[i]
			if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' {
				return false
			}
		}
		return true
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == n
}

// recordKey is the key of a session's record: its user, then what is random.
func recordKey(id string) string {
	if len(id) == oldIDLen {
		return storeKey("session", id)
	}
	return id[randomLen:] + id[:randomLen]
}

// idOf is the id of the session under a record's key; "" for an old one, whose key
// does not tell.
func idOf(key string) string {
	if len(key) != userLen+randomLen {
		return ""
	}
	return key[userLen:] + key[:userLen]
}
