// key_test.go: weak keys, odd rings, and everything that prints them.

package token

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"
)

func sprintBytes(b []byte) string { return fmt.Sprint(b) }

// L7: weak keys do not start.
func TestWeakKeysAreRefused(t *testing.T) {
	random := make([]byte, 64)
	rand.Read(random)
	random[0], random[31], random[63] = 7, 7, 7 // ends alike: not a repetition
	counting := make([]byte, 32)
	for i := range counting {
		counting[i] = byte(200 - 3*i)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("this Go makes no 1024-bit keys")
	}
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	x25519, _ := ecdh.X25519().GenerateKey(rand.Reader)
	big2048 := testKeys()[RS256].parts().public.(*rsa.PublicKey).N
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	swapped := bytes.Clone(ed)
	copy(swapped[32:], random[:32]) // a public half of somebody else

	for name, c := range map[string]struct {
		alg  Algorithm
		key  any
		want string
	}{
		"empty":               {HS256, []byte{}, "at least 32"},
		"31 bytes":            {HS256, random[:31], "at least 32"},
		"all zero":            {HS256, make([]byte, 32), "regular"},
		"all equal":           {HS256, bytes.Repeat([]byte("x"), 64), "regular"},
		"word repeated":       {HS256, bytes.Repeat([]byte("changeme"), 5), "regular"},
		"16 bytes twice":      {HS256, bytes.Repeat(random[:16], 2), "regular"},
		"16 bytes two and ½":  {HS256, bytes.Repeat(random[:16], 3)[:40], "regular"},
		"counting down":       {HS256, counting, "regular"},
		"two letters":         {HS256, []byte("abbabaabbaababbabaababbaabbabaabb"), "regular"},
		"PEM as a secret":     {HS256, []byte("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n"), "looks like a PEM key"},
		"secret for RS256":    {RS256, random, "needs an RSA key"},
		"RSA for ES256":       {ES256, testKeys()[RS256].parts().private, "needs a P-256 key"},
		"RSA for HS256":       {HS256, testKeys()[RS256].parts().public, "needs a secret"},
		"Ed25519 for RS256":   {RS256, ed, "needs an RSA key"},
		"Ed25519 for HS256":   {HS256, ed, "needs a secret"},
		"EC for EdDSA":        {EdDSA, testKeys()[ES256].parts().private, "needs an Ed25519 key"},
		"P-384":               {ES256, p384, "is on another"},
		"RSA 1024":            {RS256, small, "1024 bits"},
		"RSA exponent 3":      {RS256, &rsa.PublicKey{N: big2048, E: 3}, "exponent"},
		"RSA exponent 1":      {RS256, &rsa.PublicKey{N: big2048, E: 1}, "exponent"},
		"RSA exponent even":   {RS256, &rsa.PublicKey{N: big2048, E: 65538}, "exponent"},
		"RSA 16384":           {RS256, &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 16383), E: 65537}, "2048 to 8192"},
		"RSA nothing":         {RS256, &rsa.PublicKey{}, "modulus"},
		"Ed25519 too short":   {EdDSA, ed25519.PublicKey(random[:31]), "length"},
		"Ed25519 short pair":  {EdDSA, ed25519.PrivateKey(random[:32]), "length"},
		"Ed25519 mixed pair":  {EdDSA, ed25519.PrivateKey(swapped), "damaged"},
		"off the curve":       {ES256, &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}, "P-256"},
		"X25519":              {EdDSA, x25519, "needs an Ed25519 key"},
		"text":                {HS256, "a string of more than 32 characters", "needs a secret"},
		"nil":                 {HS256, nil, "needs a secret"},
		"unknown algorithm":   {"HS512", random, "unknown token algorithm"},
		"no algorithm":        {"", random, "unknown token algorithm"},
		"lower-case alg name": {"hs256", random, "unknown token algorithm"},
	} {
		_, err := NewKey(c.alg, c.key)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v; want one with %q", name, err, c.want)
		}
	}
	for _, secret := range [][]byte{random[:32], random} {
		if _, err := NewKey(HS256, secret); err != nil {
			t.Errorf("control, %d random bytes: %v", len(secret), err)
		}
	}
}

// The key outlives what callers do with their bytes.
func TestSecretIsCopied(t *testing.T) {
	secret := make([]byte, 32)
	rand.Read(secret)
	k, err := NewKey(HS256, secret)
	if err != nil {
		t.Fatal(err)
	}
	r, _ := testRing(t, k)
	text := mustMint(t, r, testClaims())
	clear(secret)
	if _, err := r.Verify(text); err != nil {
		t.Errorf("after the caller wiped his copy: %v", err)
	}
}

func TestKeyringRefusals(t *testing.T) {
	hs, rs := testKeys()[HS256], testKeys()[RS256]
	twin, err := NewKey(HS256, hs.parts().private)
	if err != nil {
		t.Fatal(err)
	}
	padded, err := NewKey(HS256, append(bytes.Clone(hs.parts().private.([]byte)), 0))
	if err != nil {
		t.Fatal(err)
	}
	public, err := NewKey(RS256, rs.parts().public)
	if err != nil {
		t.Fatal(err)
	}
	opts := testOptions(newClock())
	for name, c := range map[string]struct {
		keys []*Key
		want string
	}{
		"no keys":          {nil, "no token key"},
		"nil key":          {[]*Key{nil}, "nil"},
		"zero key":         {[]*Key{{}}, "not made by NewKey"},
		"same key":         {[]*Key{hs, hs}, "twice"},
		"same secret":      {[]*Key{hs, twin}, "twice"},
		"same under HMAC":  {[]*Key{hs, padded}, "twice"},
		"public of first":  {[]*Key{rs, public}, "twice"},
		"public key first": {[]*Key{public, hs}, "cannot be the one that signs"},
	} {
		if _, err := NewKeyring(opts, c.keys...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v; want one with %q", name, err, c.want)
		}
	}
	opts.MaxLifetime = 0
	if _, err := NewKeyring(opts, hs); err == nil {
		t.Error("no lifetime: accepted")
	}
	opts.MaxLifetime = 200 * 365 * 24 * time.Hour
	if _, err := NewKeyring(opts, hs); err == nil {
		t.Error("200 years: accepted")
	}
}

// The first key signs, all verify, and a key taken out takes its tokens along.
func TestFirstSignsAllVerify(t *testing.T) {
	var keys []*Key
	for _, alg := range allAlgorithms {
		keys = append(keys, testKeys()[alg])
	}
	all, _ := testRing(t, keys...)
	for _, k := range keys {
		one, _ := testRing(t, k)
		text := mustMint(t, one, testClaims())
		if _, err := all.Verify(text); err != nil {
			t.Errorf("%s: %v", k.alg, err)
		}
		if k != keys[0] {
			first, _ := testRing(t, keys[0])
			refused(t, first, "removed key", text, unknownKey)
		}
	}
	if got := mustMint(t, all, testClaims()); !strings.HasPrefix(got, keys[0].header+".") {
		t.Error("another key than the first signed")
	}
	// A public key in second place verifies.
	public, err := NewKey(ES256, testKeys()[ES256].parts().public)
	if err != nil {
		t.Fatal(err)
	}
	mixed, _ := testRing(t, keys[0], public)
	signer, _ := testRing(t, testKeys()[ES256])
	if _, err := mixed.Verify(mustMint(t, signer, testClaims())); err != nil {
		t.Errorf("public key in second place: %v", err)
	}
	if infos := all.Keys(); infos[0].State != Signing || infos[1].State != Verifying || infos[3].Algorithm != RS256 {
		t.Errorf("Keys = %v", infos)
	}
}

func TestRingID(t *testing.T) {
	a, b := testKeys()[HS256], testKeys()[EdDSA]
	ring := func(issuer string, life time.Duration, keys ...*Key) string {
		r, err := NewKeyring(Options{Issuer: issuer, MaxLifetime: life}, keys...)
		if err != nil {
			t.Fatal(err)
		}
		return r.ID()
	}
	base := ring("i", time.Hour, a, b)
	if base != ring("i", time.Hour, a, b) {
		t.Error("equal rings differ")
	}
	for name, other := range map[string]string{
		"order": ring("i", time.Hour, b, a), "fewer": ring("i", time.Hour, a),
		"issuer": ring("j", time.Hour, a, b), "lifetime": ring("i", 2*time.Hour, a, b),
	} {
		if other == base {
			t.Errorf("%s: not seen in the ID", name)
		}
	}
}

// However a key is printed, by whatever holds it, nothing of it is to be seen.
func TestNothingPrintsSecrets(t *testing.T) {
	k := testKeys()[HS256]
	secret := k.parts().private.([]byte)
	r, _ := testRing(t, k)
	v := openVault(t, tempStorage(t), newClock())
	vaultSecret := v.current()[0].key.parts().private.([]byte)
	doc := document{Keys: []record{{Key: vaultSecret}}}
	var log bytes.Buffer
	json1, text1 := slog.New(slog.NewJSONHandler(&log, nil)), slog.New(slog.NewTextHandler(&log, nil))
	for name, x := range map[string]any{
		"key": k, "key value": *k, "ring": r, "ring value": *r, "vault": v,
		"in a struct": struct{ K *Key }{k}, "hidden in a struct": struct{ k Key }{*k}, "hidden ring": struct{ r Keyring }{*r},
		"list": []*Key{k}, "map": map[string]any{"k": *k}, "options": v.opts, "entry": v.current()[0], "entries": v.current(),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			text := fmt.Sprintf(verb, x)
			leaks(t, name+" "+verb, text, secret)
			leaks(t, name+" "+verb, text, vaultSecret)
		}
		js, _ := json.Marshal(x)
		leaks(t, name+" JSON", string(js), secret)
		leaks(t, name+" JSON", string(js), vaultSecret)
		json1.Info("x", "x", x)
		text1.Info("x", "x", x)
	}
	leaks(t, "document", fmt.Sprintf("%v %+v %#v %x", doc, doc, doc, doc), vaultSecret)
	leaks(t, "slog", log.String(), secret)
	leaks(t, "slog", log.String(), vaultSecret)
	if !strings.Contains(fmt.Sprint(k), k.KID()) {
		t.Error("a key should show its kid")
	}
}

// A kid that begins with a dash cannot be named to `caddy wechat keys revoke`.
func TestGeneratedKidIsNoOption(t *testing.T) {
	for range 500 {
		if kid := mustGenerate(t, HS256).KID(); kid[0] == '-' {
			t.Fatalf("a key was made with the kid %s", kid)
		}
	}
}

func mustGenerate(t *testing.T, alg Algorithm) *Key {
	t.Helper()
	key, err := GenerateKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
