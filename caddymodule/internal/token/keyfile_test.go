// keyfile_test.go: every form of key file, good and bad.

package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestSecretFiles(t *testing.T) {
	secret := testKeys()[HS256].parts().private.([]byte)
	secret64 := append(bytes.Clone(secret), secret...)
	rand.Read(secret64[32:])
	raw := bytes.Clone(secret)
	raw[3], raw[31] = 0xff, 0xfe // neither hex nor base64, no newline at the end
	wrapped := base64.StdEncoding.EncodeToString(secret64)
	passphrase := "correct horse, battery staple! 37 bytes"
	for name, c := range map[string]struct{ content, want []byte }{
		"hex":                  {[]byte(hex.EncodeToString(secret)), secret},
		"hex, newline":         {[]byte(hex.EncodeToString(secret) + "\n"), secret},
		"hex, CRLF":            {[]byte(hex.EncodeToString(secret) + "\r\n"), secret},
		"hex, upper case":      {[]byte(strings.ToUpper(hex.EncodeToString(secret))), secret},
		"hex, wrapped by xxd":  {[]byte(hex.EncodeToString(secret64)[:60] + "\n" + hex.EncodeToString(secret64)[60:120] + "\n" + hex.EncodeToString(secret64)[120:] + "\n"), secret64},
		"base64":               {[]byte(base64.StdEncoding.EncodeToString(secret)), secret},
		"base64 unpadded":      {[]byte(base64.RawStdEncoding.EncodeToString(secret) + "\n"), secret},
		"base64url":            {[]byte(base64.URLEncoding.EncodeToString(secret)), secret},
		"base64url unpadded":   {[]byte(base64.RawURLEncoding.EncodeToString(secret)), secret},
		"base64, by openssl":   {[]byte(wrapped[:64] + "\n" + wrapped[64:] + "\n"), secret64},
		"raw":                  {raw, raw},
		"raw, newline":         {append(bytes.Clone(raw), '\n'), raw},
		"raw, two newlines":    {append(bytes.Clone(raw), '\n', '\n'), append(bytes.Clone(raw), '\n')},
		"raw, newline in side": {append([]byte("x\n"), raw...), append([]byte("x\n"), raw...)},
		"passphrase":           {[]byte(passphrase), []byte(passphrase)},
	} {
		keys, err := LoadFiles(HS256, write(t, c.content))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := keys[0].parts().private.([]byte); !bytes.Equal(got, c.want) {
			t.Errorf("%s: read as another secret (%d bytes)", name, len(got))
		}
	}
}

func TestPEMFiles(t *testing.T) {
	for _, alg := range []Algorithm{EdDSA, ES256, RS256} {
		k := testKeys()[alg]
		files := map[string][]byte{
			"PKCS#8":            block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(k.parts().private))),
			"PKCS#8, text head": append([]byte("Bag Attributes\n    friendlyName: key\n"), block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(k.parts().private)))...),
			"PKCS#8, newlines":  append(block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(k.parts().private))), "\r\n\n"...),
		}
		switch private := k.parts().private.(type) {
		case *rsa.PrivateKey:
			files["PKCS#1"] = block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(private))
		case *ecdsa.PrivateKey:
			sec1 := block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(private)))
			files["SEC1"] = sec1
			files["SEC1 of openssl ecparam"] = append([]byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"), sec1...)
		}
		for name, content := range files {
			keys, err := LoadFiles(alg, write(t, content))
			if err != nil || keys[0].KID() != k.KID() || !keys[0].CanSign() || keys[0].Algorithm() != alg {
				t.Errorf("%s %s: %v, %v", alg, name, keys, err)
			}
		}
		// A public key verifies in second place, and cannot stand in the first.
		other := must(GenerateKey(alg))
		private := write(t, block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(other.parts().private))))
		public := write(t, block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(k.parts().public))))
		keys, err := LoadFiles(alg, private, public)
		if err != nil || keys[1].CanSign() || keys[1].KID() != k.KID() {
			t.Errorf("%s public second: %v, %v", alg, keys, err)
		}
		if _, err := LoadFiles(alg, public, private); err == nil || !strings.Contains(err.Error(), "put the private key first") {
			t.Errorf("%s public first: %v", alg, err)
		}
	}
}

// Every refusal names the file, says what is wrong, and shows nothing of it.
func TestBadKeyFiles(t *testing.T) {
	rs, ec := testKeys()[RS256], testKeys()[ES256]
	pkcs8 := must(x509.MarshalPKCS8PrivateKey(rs.parts().private))
	pkix := must(x509.MarshalPKIXPublicKey(rs.parts().public))
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	legacy := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: pkcs8,
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00112233445566778899AABBCCDDEEFF"}})
	hex16 := "0123456789abcdeffedcba9876543210"
	for name, c := range map[string]struct {
		alg     Algorithm
		content []byte
		want    string
	}{
		"empty secret":        {HS256, nil, "is empty"},
		"only a newline":      {HS256, []byte("\n"), "is empty"},
		"16 bytes in hex":     {HS256, []byte(hex16), "has 16 bytes"},
		"short base64":        {HS256, []byte("c2hvcnQgc2VjcmV0IG9mIDIxIGI="), "has 20 bytes"},
		"short raw":           {HS256, []byte("hunter2!"), "has 8 bytes"},
		"zeros in hex":        {HS256, []byte(strings.Repeat("00", 32)), "regular"},
		"repeated word":       {HS256, []byte(strings.Repeat("secret! ", 8)), "regular"},
		"PEM public":          {HS256, block("PUBLIC KEY", pkix), "looks like a PEM key"},
		"PEM private":         {HS256, block("PRIVATE KEY", pkcs8), "name the algorithm of that key"},
		"PEM in base64":       {HS256, []byte(base64.StdEncoding.EncodeToString(block("PUBLIC KEY", pkix))), "name the algorithm of that key"},
		"DER public":          {HS256, pkix, "looks like a DER key"},
		"DER in base64":       {HS256, []byte(base64.StdEncoding.EncodeToString(pkix)), "looks like a DER key"},
		"DER in hex":          {HS256, []byte(hex.EncodeToString(pkcs8)), "looks like a DER key"},
		"SSH public":          {HS256, []byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0a1b2c3d4e5f6 me@host\n"), "SSH public key"},
		"JWK":                 {HS256, []byte(`{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`), "looks like JSON"},
		"too large":           {HS256, bytes.Repeat([]byte("0123456789abcdeg"), 5000), "too large"},
		"empty PEM":           {RS256, []byte(" \n"), "is empty"},
		"no PEM":              {RS256, []byte("hello"), "needs an RSA key"},
		"DER":                 {RS256, pkcs8, "needs an RSA key"},
		"secret for EdDSA":    {EdDSA, []byte(hex16 + hex16), "needs an Ed25519 key"},
		"cut off":             {RS256, block("PRIVATE KEY", pkcs8)[:600], "needs an RSA key"},
		"damaged":             {RS256, block("PRIVATE KEY", pkcs8[:200]), "damaged"},
		"PKCS#1 as PKCS#8":    {RS256, block("PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs.parts().private.(*rsa.PrivateKey))), "damaged"},
		"two keys":            {RS256, bytes.Repeat(block("PRIVATE KEY", pkcs8), 2), "more than one"},
		"RSA for EdDSA":       {EdDSA, block("PRIVATE KEY", pkcs8), "needs an Ed25519 key; this is an RSA key"},
		"EC for RS256":        {RS256, block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ec.parts().private.(*ecdsa.PrivateKey)))), "needs an RSA key; this is an elliptic curve key"},
		"P-384":               {ES256, block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(p384))), "is on another"},
		"encrypted PKCS#8":    {RS256, block("ENCRYPTED PRIVATE KEY", pkcs8), "passphrase"},
		"encrypted PKCS#1":    {RS256, legacy, "passphrase"},
		"OpenSSH":             {EdDSA, block("OPENSSH PRIVATE KEY", pkcs8), "ssh-keygen"},
		"certificate":         {RS256, block("CERTIFICATE", pkix), "private key"},
		"request":             {RS256, block("CERTIFICATE REQUEST", pkix), "no key"},
		"only EC PARAMETERS":  {ES256, []byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"), "needs a P-256 key"},
		"algorithm we lack":   {"HS512", []byte(hex16 + hex16), "unknown token algorithm"},
		"none as the setting": {"none", []byte(hex16 + hex16), "unknown token algorithm"},
	} {
		path := write(t, c.content)
		_, err := LoadFiles(c.alg, path)
		switch {
		case err == nil:
			t.Errorf("%s: accepted", name)
			continue
		case !strings.Contains(err.Error(), c.want):
			t.Errorf("%s: error %q; want one with %q", name, err, c.want)
		case c.alg.method() != nil && !strings.Contains(err.Error(), path):
			t.Errorf("%s: error %q does not name the file", name, err)
		}
		if text := strings.TrimSpace(string(c.content)); len(text) > 8 {
			for _, piece := range []string{text[:9], text[len(text)-9:]} {
				if !strings.Contains(piece, "---") && strings.Contains(strings.ReplaceAll(err.Error(), path, ""), piece) {
					t.Errorf("%s: the error shows the file's content: %q", name, err)
				}
			}
		}
	}

	if _, err := LoadFiles(HS256); err == nil {
		t.Error("no paths: accepted")
	}
	if _, err := LoadFiles(HS256, ""); err == nil {
		t.Error("empty path: accepted")
	}
	if _, err := LoadFiles(HS256, t.TempDir()); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("directory: %v", err)
	}
	if _, err := LoadFiles(HS256, filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), "absent") != 1 {
		t.Errorf("absent file: %v", err)
	}
	same := write(t, block("PRIVATE KEY", pkcs8))
	if _, err := LoadFiles(RS256, same, same); err == nil || !strings.Contains(err.Error(), "same key") {
		t.Errorf("one file twice: %v", err)
	}
}

// The operator has named a file that is to be made: what to type is in the error.
func TestMissingKeyFileSaysHowToMakeOne(t *testing.T) {
	for _, alg := range allAlgorithms {
		for content, path := range map[string]string{"": filepath.Join(t.TempDir(), "missing"), "empty": filepath.Join(t.TempDir(), "empty")} {
			if content == "empty" {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := LoadFiles(alg, path)
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "openssl ") {
				t.Errorf("%s, %q: %v; want the file and a command", alg, content, err)
			}
		}
	}
}
