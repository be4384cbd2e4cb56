// derive_test.go: a derived secret is the same everywhere, and nobody else's.

package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// The values were computed by another program, from the text of RFC 5869. Anyone who
// changes them makes everything unreadable that is in the stores.
func TestDeriveStaysAsItIs(t *testing.T) {
	seed := sha256.Sum256([]byte("seed"))
	for alg, c := range map[Algorithm]struct {
		material any
		want     string
	}{
		HS256: {seed[:], "64b5b1f25c69e52ead51b3ee436983ba40bbed145bfff33548f5bac552eb8e12"},
		EdDSA: {ed25519.NewKeyFromSeed(seed[:]), "7241548dbb64a609f70f16fd73b9e1d31bda40a318e6552d191377903cd217b5"},
	} {
		key, err := NewKey(alg, c.material)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := key.Derive("label"); err != nil || hex.EncodeToString(got) != c.want {
			t.Errorf("%s: %x, %v; want %s", alg, got, err, c.want)
		}
	}
}

// One node has the key as PKCS#8, another in the form of an older openssl.
func TestDeriveDoesNotDependOnTheForm(t *testing.T) {
	dir := t.TempDir()
	derived := func(alg Algorithm, kind string, der []byte) []byte {
		path := filepath.Join(dir, "key.pem")
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := LoadFiles(alg, path)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := keys[0].Derive("label")
		if err != nil || len(secret) != DerivedBytes {
			t.Fatalf("Derive = %x, %v", secret, err)
		}
		return secret
	}
	for _, alg := range []Algorithm{ES256, RS256} {
		private := testKeys()[alg].parts().private
		pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		kind, older := "", []byte(nil)
		switch k := private.(type) {
		case *ecdsa.PrivateKey:
			kind = "EC PRIVATE KEY"
			older, err = x509.MarshalECPrivateKey(k)
		case *rsa.PrivateKey:
			kind, older = "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(derived(alg, "PRIVATE KEY", pkcs8), derived(alg, kind, older)) {
			t.Errorf("%s: the form of the file decides what is derived", alg)
		}
	}
}

func TestDeriveIsApart(t *testing.T) {
	seen := map[string]bool{}
	for alg, key := range testKeys() {
		private, err := key.privateBytes()
		if err != nil {
			t.Fatal(err)
		}
		for _, label := range []string{"one use", "another use"} {
			secret, err := key.Derive(label)
			if err != nil || seen[string(secret)] || bytes.Contains(private, secret) {
				t.Errorf("%s, %s: a secret of another use, or of the key (%v)", alg, label, err)
			}
			seen[string(secret)] = true
		}
		if alg == HS256 {
			continue
		}
		public, err := NewKey(alg, key.parts().public)
		if err != nil {
			t.Fatal(err)
		}
		if secret, err := public.Derive("one use"); secret != nil || err != nil {
			t.Errorf("%s: a public key derives %x, %v", alg, secret, err)
		}
	}
}
