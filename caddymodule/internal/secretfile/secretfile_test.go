// secretfile_test.go: every form of secret, good and bad.

package secretfile

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// 32 bytes that are not text, made once with openssl rand.
var secret, _ = hex.DecodeString("9fc1f7a2e0b35d44a8177e02cc96f1380b6de9524f3ac8810d57be63f2991ae4")

func TestParse(t *testing.T) {
	raw := bytes.Clone(secret)
	for name, c := range map[string]struct{ content, want []byte }{
		"hex, newline":  {[]byte(hex.EncodeToString(secret) + "\n"), secret},
		"hex, upper":    {[]byte(strings.ToUpper(hex.EncodeToString(secret)) + "\r\n"), secret},
		"hex, wrapped":  {[]byte(hex.EncodeToString(secret)[:40] + "\n" + hex.EncodeToString(secret)[40:]), secret},
		"base64":        {[]byte(base64.StdEncoding.EncodeToString(secret)), secret},
		"base64url":     {[]byte(base64.RawURLEncoding.EncodeToString(secret)), secret},
		"raw":           {raw, raw},
		"raw, newlines": {append(bytes.Clone(raw), "\n\n"...), append(bytes.Clone(raw), '\n')},
	} {
		if got, err := Parse(c.content); err != nil || !bytes.Equal(got, c.want) || Check(got) != nil {
			t.Errorf("%s: read as %d other bytes, %v", name, len(got), err)
		}
	}
}

func TestRefusals(t *testing.T) {
	pem := "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----\n"
	for name, c := range map[string]struct{ content, want string }{
		"empty":         {"", "is empty"},
		"newline":       {"\r\n", "is empty"},
		"short":         {"hunter2!", "has 8 bytes"},
		"31 bytes":      {hex.EncodeToString(secret[:31]), "has 31 bytes"},
		"zeros":         {strings.Repeat("00", 32), "regular"},
		"block twice":   {strings.Repeat(hex.EncodeToString(secret[:16]), 2), "regular"},
		"few letters":   {"abbabaabbaababbabaababbaabbabaabb", "regular"},
		"PEM":           {pem, "looks like a PEM key"},
		"PEM in base64": {base64.StdEncoding.EncodeToString([]byte(pem)), "looks like a PEM key"},
		"SSH":           {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0a1b2c3d4e5f6 me@host", "SSH public key"},
		"JWK":           {`{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`, "looks like JSON"},
	} {
		got, err := Parse([]byte(c.content))
		if err == nil {
			err = Check(got)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want an error with %q", name, err, c.want)
			continue
		}
		if errors.Is(err, ErrPEM) != strings.HasPrefix(name, "PEM") {
			t.Errorf("%s: ErrPEM in %v", name, err)
		}
		if len(c.content) > 8 && strings.Contains(err.Error(), c.content[:9]) {
			t.Errorf("%s: the error shows the content: %v", name, err)
		}
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
	if err := os.WriteFile(path, make([]byte, maxBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("large file: %v", err)
	}
	if _, err := Read(filepath.Dir(path)); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("directory: %v", err)
	}
	if _, err := Read(path + "x"); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), path) {
		t.Errorf("absent file: %v", err)
	}
	if _, err := Read(""); err == nil {
		t.Error("no path: accepted")
	}
}
