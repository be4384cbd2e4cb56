// storekey_test.go: names that differ never share a store key.

package session

import (
	"regexp"
	"strings"
	"testing"
)

func TestStoreKeysDoNotCollide(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)
	seen := map[string][]string{}
	for _, name := range [][]string{
		{"user", "a", "bc"}, {"user", "ab", "c"}, {"user", "abc"}, {"user", "abc", ""}, {"user", "", "abc"},
		{"keys", "a", "bc"}, {"session", "abc"}, {"code", "a", "bc"}, {"user"}, {"user", ""},
		{"user", "a\x002:bc"}, {"user", "a", "bc", ""}, {"user", "A", "bc"},
		{"user", strings.Repeat("a", 11)}, {"user", "1:a"}, {"user a"},
	} {
		key := storeKey(name[0], name[1:]...)
		if !form.MatchString(key) {
			t.Errorf("storeKey(%q) = %q, want 22 characters of the alphabet", name, key)
		}
		if other, ok := seen[key]; ok {
			t.Errorf("storeKey is %q for %q and for %q", key, name, other)
		}
		seen[key] = name
		if again := storeKey(name[0], name[1:]...); again != key {
			t.Errorf("storeKey(%q) = %q and then %q", name, key, again)
		}
	}
}

// Nodes of two versions on one store, and a store that outlives an update, must agree.
func TestStoreKeyIsThatOfEarlierVersions(t *testing.T) {
	if key := storeKey("user", "wx0123456789abcdef", "oALICE"); key != "gUdHob4dOcCGzo7g4_C3aA" {
		t.Errorf("storeKey = %q", key)
	}
}

func TestNewIDsAreValidAndDistinct(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		id := newID(userKey("wx0123456789abcdef", "oALICE"))
		if !ValidID(id) || seen[id] {
			t.Fatalf("newID = %q, valid %v, seen before %v", id, ValidID(id), seen[id])
		}
		seen[id] = true
	}
}

// "caddy wechat revoke -abc..." would be an unknown option.
func TestNewIDIsNoOption(t *testing.T) {
	for range 2000 {
		if id := newID(userKey("wx0123456789abcdef", "oALICE")); id[0] == '-' || !ValidID(id) {
			t.Fatalf("a new id is %q", id)
		}
	}
}
