// token.go: tokens written by hand, with the gateway's own key where
// the test has it.

package gatewaytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// Unbase64 reads a part of a token.
func Unbase64(t *testing.T, text string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal("a part of a token is not base64url")
	}
	return string(b)
}

// Claims reads what a token says, without a look at its signature.
func Claims(t *testing.T, token string) Members {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token has %d parts", len(parts))
	}
	var m Members
	if err := json.Unmarshal([]byte(Unbase64(t, parts[1])), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// KeyID is the key that a token names.
func KeyID(t *testing.T, token string) string {
	t.Helper()
	var h struct{ KID string }
	if err := json.Unmarshal([]byte(Unbase64(t, strings.Split(token, ".")[0])), &h); err != nil || h.KID == "" {
		t.Fatal("a token names no key")
	}
	return h.KID
}

// SignHS256 makes a token of any header and payload.
func SignHS256(secret []byte, header, payload string) string {
	text := b64(header) + "." + b64(payload)
	return text + "." + base64.RawURLEncoding.EncodeToString(macOf(secret, text))
}

func macOf(secret []byte, text string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// KeyFile writes a new key of an algorithm and returns its path and the key:
// []byte for HS256, a private key for the others.
func KeyFile(t *testing.T, algorithm string) (path string, key any) {
	t.Helper()
	var content []byte
	var private crypto.Signer
	var err error
	switch algorithm {
	case "HS256":
		secret := make([]byte, 32)
		rand.Read(secret)
		key, content = secret, []byte(hex.EncodeToString(secret)+"\n")
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "RS256":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	if private != nil {
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		key, content = private, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	path = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, key
}

// TokenBlock is the option token with an algorithm and key files.
func TokenBlock(algorithm string, paths ...string) string {
	return "token {\nalgorithm " + algorithm + "\nkey_file " + strings.Join(paths, " ") + "\n}\n"
}

// SHA1 is the hash of a text in hex.
func SHA1(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}
