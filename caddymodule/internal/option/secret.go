// secret.go: keeping secrets that stand elsewhere out of the stored configuration.

package option

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
)

// What an environment variable must hold to be taken for a secret's source: a shorter
// text may be part of another by chance.
const (
	leastEqual = 4
	leastPart  = 8
)

// HideSecret writes {env.NAME} where a text of the Caddyfile holds the value of an
// environment variable, as {$NAME} left it there. Caddy stores a configuration and
// shows it in its admin API; the placeholder is resolved again when it is loaded. The
// digest is for CheckDigest, and empty when nothing was hidden.
//
// The Caddyfile adapter has replaced {$NAME} before any parser sees the line, so the
// variable is found by its value, wherever that is the whole text or a part of it.
func HideSecret(text string) (hidden, digest string) {
	if IsPlaceholder(text) || len(text) < leastEqual {
		return text, ""
	}
	type variable struct{ name, value string }
	var found []variable
	for _, line := range os.Environ() {
		name, value, _ := strings.Cut(line, "=")
		if name == "" || strings.ContainsAny(name, "{}") {
			continue
		}
		if value == text || len(value) >= leastPart && strings.Contains(text, value) {
			found = append(found, variable{name, value})
		}
	}
	if len(found) == 0 {
		return text, ""
	}
	// the longest first: a value may hold another; of equal ones the first name
	slices.SortFunc(found, func(a, b variable) int {
		return cmp.Or(cmp.Compare(len(b.value), len(a.value)), cmp.Compare(a.name, b.name))
	})
	parts := []string{text}
	for _, v := range found {
		var next []string
		for i, part := range parts {
			if i%2 == 1 { // a placeholder
				next = append(next, part)
				continue
			}
			for j, rest := range strings.Split(part, v.value) {
				if j > 0 {
					next = append(next, "{env."+v.name+"}")
				}
				next = append(next, rest)
			}
		}
		parts = next
	}
	return strings.Join(parts, ""), SecretDigest(text)
}

// SecretDigest tells two secrets apart and gives neither away, as long as they are
// random: an AppSecret has 128 random bits.
func SecretDigest(secret string) string {
	sum := sha256.Sum256([]byte("wechat app secret\x00" + secret))
	return hex.EncodeToString(sum[:8])
}

// CheckDigest refuses a secret that has another value in the running Caddy than where
// the Caddyfile was read. An empty digest checks nothing.
func CheckDigest(what, written, resolved, digest string) error {
	if digest == "" || digest == SecretDigest(resolved) {
		return nil
	}
	return fmt.Errorf("%s: %s has another value in the running Caddy than where the Caddyfile was read: "+
		"restart Caddy, or keep the secret in a file and write {file./path}", what, placeholderForm.FindString(written))
}

// Shown is Name for the value of an option, " this" where the value may be a secret.
func Shown(value string) string { return cmp.Or(Name(value), " this") }

// Name is a blank and a word of the configuration in quotes, for an error about it, if
// the word has the form of an option's name. Otherwise it is empty: a word
// in the wrong place may be a secret. An AppSecret is longer.
func Name(word string) string {
	if word == "" || len(word) > 24 {
		return ""
	}
	for _, c := range []byte(word) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_') {
			return ""
		}
	}
	return fmt.Sprintf(" %q", word)
}
