// keys_test.go: what opens, what does not, and everything that prints keys.

package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

func TestRoundTrip(t *testing.T) {
	s := NewFixed(testKeys(t, secrets[0]))
	for _, size := range []int{0, 1, 16, 200, 64 << 10} {
		plaintext := strings.Repeat("s", size)
		for _, associated := range []string{"", place, strings.Repeat("a", 1000)} {
			sealed := mustSeal(t, s, plaintext, associated)
			if len(sealed) != size+Overhead || cap(sealed) != len(sealed) {
				t.Errorf("%d bytes became %d in room for %d", size, len(sealed), cap(sealed))
			}
			before := bytes.Clone(sealed)
			got, err := s.Open(t.Context(), sealed, []byte(associated))
			if err != nil || got == nil || string(got) != plaintext {
				t.Errorf("%d bytes: %d bytes back, nil %v, %v", size, len(got), got == nil, err)
			}
			if !bytes.Equal(sealed, before) {
				t.Error("Open wrote into the sealed value")
			}
		}
	}
}

// Two sealings of one text have nothing in common that would tell so.
func TestNoncesAreFresh(t *testing.T) {
	s := NewFixed(testKeys(t, secrets[0]))
	seen := map[string]bool{}
	for range 1000 {
		sealed := mustSeal(t, s, "text", place)
		nonce, rest := string(sealed[headerSize:nonceEnd]), string(sealed[nonceEnd:])
		if seen[nonce] || seen[rest] || nonce == strings.Repeat("\x00", len(nonce)) {
			t.Fatal("a nonce or ciphertext came twice")
		}
		seen[nonce], seen[rest] = true, true
	}
}

// The form is for keeps: values sealed by one release are opened by the next.
// Written out here by other means than the package uses.
func TestForm(t *testing.T) {
	derive := func(label string, size int) []byte {
		prk, _ := hkdf.Extract(sha256.New, secrets[0], nil)
		out, err := hkdf.Expand(sha256.New, prk, label, size)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	aead, err := chacha20poly1305.NewX(derive("wechat gateway: seal version 1, XChaCha20-Poly1305 key", 32))
	if err != nil {
		t.Fatal(err)
	}
	header := append([]byte{1}, derive("wechat gateway: seal version 1, key id", 4)...)
	nonce := []byte("abcdefghijklmnopqrstuvwx")
	want := slices.Concat(header, nonce, aead.Seal(nil, nonce, []byte("alice"), slices.Concat(header, []byte(place))))
	if got := sealAs(testKeys(t, secrets[0]).list[0], string(nonce), "alice", place); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	const golden = "013fe3ad2b6162636465666768696a6b6c6d6e6f707172737475767778f22bab79566bade57248de235dde9c2ef0d6bfda55"
	if hex.EncodeToString(want) != golden {
		t.Errorf("the form is %x", want)
	}
}

// sealAs seals with a nonce of the caller's choice.
func sealAs(k *key, nonce, plaintext, associated string) []byte {
	sealed := k.begin(len(plaintext))
	copy(sealed[headerSize:], nonce)
	return k.finish(sealed, []byte(plaintext), []byte(associated))
}

// An attacker who can write to the store takes sealed values and changes them, or puts them
// where others are. None of it may open.
func TestForgeries(t *testing.T) {
	keys := testKeys(t, secrets[0], secrets[1])
	s := NewFixed(keys)
	sealed := mustSeal(t, s, "openid of alice", place)
	opens(t, s, "control", sealed, place, "openid of alice")

	for name, associated := range map[string]string{
		"moved": otherSpot, "no place": "", "longer place": place + "\x00", "shorter place": place[:len(place)-1],
	} {
		forged(t, s, name, sealed, associated)
	}
	for i := range sealed {
		for _, bit := range []byte{1, 0x80, 0xff} {
			edited := bytes.Clone(sealed)
			edited[i] ^= bit
			forged(t, s, fmt.Sprintf("byte %d edited by %x", i, bit), edited, place)
		}
		forged(t, s, fmt.Sprintf("cut off at %d", i), sealed[:i], place)
		forged(t, s, fmt.Sprintf("begun at %d", i+1), sealed[i+1:], place)
	}
	for name, forgery := range map[string][]byte{
		"nil":               nil,
		"extended":          append(bytes.Clone(sealed), 0),
		"extended in front": append([]byte{1}, sealed...),
		"twice":             slices.Concat(sealed, sealed),
		"zeros":             make([]byte, 200),
		"plaintext":         []byte(`{"s":"q5RrYdqE0pVdW3vY2nqTbg","a":"wx0123456789abcdef","o":"oALICE"}`),
		"no tag":            sealed[:len(sealed)-chacha20poly1305.Overhead],
	} {
		forged(t, s, name, forgery, place)
	}
	// A byte moved from the place into the header, or back.
	forged(t, s, "shifted", sealed[1:], string(sealed[:1])+place)

	// Halves of two genuine values of one place.
	other := mustSeal(t, s, "openid of  bob ", place)
	forged(t, s, "spliced", slices.Concat(sealed[:nonceEnd], other[nonceEnd:]), place)

	// Another key's value under our key's name, and ours under the other's.
	stranger := mustSeal(t, NewFixed(testKeys(t, secrets[2])), "openid of alice", place)
	forged(t, s, "wrong key", stranger, place)
	copy(stranger[1:headerSize], keys.list[0].id[:])
	forged(t, s, "wrong key under our name", stranger, place)
	renamed := bytes.Clone(sealed)
	copy(renamed[1:headerSize], keys.list[1].id[:])
	forged(t, s, "under the name of another of our keys", renamed, place)
}

// Version and key id are part of what is authenticated, not only of what is
// looked up: even if two names led to one key, a value would have one name.
func TestHeaderIsAuthenticated(t *testing.T) {
	keys := testKeys(t, secrets[0])
	real := keys.list[0]
	keys.byID[keyID{1, 2, 3, 4}] = real
	sealed := sealAs(real, "abcdefghijklmnopqrstuvwx", "alice", place)
	copy(sealed[1:headerSize], []byte{1, 2, 3, 4})
	forged(t, NewFixed(keys), "renamed", sealed, place)

	sealed = sealAs(real, "abcdefghijklmnopqrstuvwx", "alice", place)
	sealed[0] = 2
	if _, err := real.open(sealed, []byte(place)); err == nil {
		t.Error("another version has the same tag")
	}
}

// Only a well-formed value with the id of a key we lack may send the caller to
// storage; everything else is decided here.
func TestUnknownKey(t *testing.T) {
	keys := testKeys(t, secrets[0])
	stranger := mustSeal(t, NewFixed(testKeys(t, secrets[1])), "x", place)
	if _, err := keys.Open(stranger, []byte(place)); err != ErrUnknownKey {
		t.Errorf("a stranger's value: %v", err)
	}
	if errors.Is(ErrUnknownKey, ErrForged) || errors.Is(ErrForged, ErrUnknownKey) {
		t.Error("the two errors are one")
	}
	for name, sealed := range map[string][]byte{
		"short": stranger[:Overhead-1], "other version": append([]byte{2}, stranger[1:]...), "version 0": append([]byte{0}, stranger[1:]...),
	} {
		if _, err := keys.Open(sealed, []byte(place)); err != ErrForged {
			t.Errorf("%s: %v", name, err)
		}
	}
	forged(t, NewFixed(keys), "without storage", stranger, place)
}

func TestFirstSealsAllOpen(t *testing.T) {
	before, after := testKeys(t, secrets[0]), testKeys(t, secrets[1], secrets[0])
	old := mustSeal(t, NewFixed(before), "old", place)
	opens(t, NewFixed(after), "old value", old, place, "old")
	forged(t, NewFixed(before), "new value, old keys", mustSeal(t, NewFixed(after), "new", place), place)
	infos := after.Infos()
	if len(infos) != 2 || infos[0].State != Sealing || infos[1].State != Opening || infos[1].ID != before.Infos()[0].ID || len(infos[0].ID) != 8 {
		t.Errorf("Infos = %+v", infos)
	}
}

func TestKeysAreChecked(t *testing.T) {
	for name, set := range map[string][][]byte{
		"none": nil, "nil": {nil}, "short": {secrets[0][:31]}, "zeros": {make([]byte, 32)},
		"twice": {secrets[0], secrets[1], secrets[0]}, "second weak": {secrets[0], bytes.Repeat([]byte("ab"), 20)},
	} {
		if keys, err := NewKeys(set...); err == nil || keys != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, keys := range []*Keys{nil, {}} {
		if _, err := keys.Seal(nil, nil); err == nil {
			t.Error("sealed without a key")
		}
		if _, err := keys.Open(make([]byte, 100), nil); err == nil {
			t.Error("opened without a key")
		}
	}
	// The caller may wipe its own.
	mine := bytes.Clone(secrets[0])
	keys := testKeys(t, mine)
	clear(mine)
	if !bytes.Equal(keys.list[0].parts().secret, secrets[0]) {
		t.Error("the secret is shared with the caller")
	}
}

func TestNothingPrintsSecrets(t *testing.T) {
	keys := testKeys(t, secrets[0])
	v := openVault(t, tempStorage(t), &fakeClock{})
	kept := v.doc.Held().entries[0].key.parts().secret
	values := map[string]any{
		"keys": keys, "*keys": *keys, "key": keys.list[0], "*key": *keys.list[0], "fixed": NewFixed(keys), "infos": keys.Infos(),
		"vault": v, "options": v.opts, "document": v.doc, "*vault": *v, "vault infos": v.Infos(), "holding": v.doc.Held(), "entry": v.doc.Held().entries,
		"nested": struct{ K any }{keys}, "list": []*Keys{keys},
	}
	var log bytes.Buffer
	texts, jsons := slog.New(slog.NewTextHandler(&log, nil)), slog.New(slog.NewJSONHandler(&log, nil))
	for name, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%t"} {
			leaks(t, name+" "+verb, fmt.Sprintf(verb, value), secrets[0], kept)
		}
		js, _ := json.Marshal(value)
		leaks(t, name+" JSON", string(js), secrets[0], kept)
		texts.Info("x", "v", value)
		jsons.Info("x", "v", value)
	}
	doc := document{Keys: []record{{Key: kept}}}
	leaks(t, "document", fmt.Sprintf("%v %+v %#v %x", doc, doc, doc, doc), kept)
	leaks(t, "slog", log.String(), secrets[0], kept)
}

// leaks fails the test if text holds secrets, or the cipher keys made of them,
// in a form people print.
func leaks(t *testing.T, what, text string, secrets ...[]byte) {
	t.Helper()
	lower := strings.ToLower(text)
	for _, secret := range secrets {
		cipherKey, _ := hkdf.Key(sha256.New, secret, nil, cipherLabel, 32)
		for _, b := range [][]byte{secret, cipherKey} {
			for _, form := range []string{
				string(b), hex.EncodeToString(b[:8]), base64.StdEncoding.EncodeToString(b)[:12],
				base64.RawURLEncoding.EncodeToString(b)[:12], strings.Trim(fmt.Sprint(b[:4]), "[]"),
				strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b[:4]), "[]byte{"), "}"),
			} {
				if strings.Contains(lower, strings.ToLower(form)) {
					t.Errorf("%s shows key material: %q", what, text)
				}
			}
		}
	}
}
