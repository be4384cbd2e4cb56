// files_test.go: secrets from files, good and bad.

package seal

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

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadFiles(t *testing.T) {
	want := testKeys(t, secrets[0])
	sealed := mustSeal(t, NewFixed(want), "x", place)
	for name, content := range map[string]string{
		"hex":    hex.EncodeToString(secrets[0]) + "\n",
		"base64": base64.StdEncoding.EncodeToString(secrets[0]),
		"raw":    string(secrets[0]),
	} {
		keys, err := LoadFiles(write(t, hex.EncodeToString(secrets[1])), write(t, content))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		opens(t, NewFixed(keys), name, sealed, place, "x")
		if id := keys.Infos()[1].ID; id != want.Infos()[0].ID {
			t.Errorf("%s: id %s", name, id)
		}
	}
}

// Every refusal names the file, says what is wrong, and shows nothing of it.
func TestBadFiles(t *testing.T) {
	good := write(t, hex.EncodeToString(secrets[0]))
	for name, c := range map[string]struct{ path, want string }{
		"empty":     {write(t, "\n"), "is empty"},
		"short":     {write(t, "9fc1f7a2e0b35d44a8177e02cc96f138"), "has 16 bytes"},
		"weak":      {write(t, strings.Repeat("9fc1f7a2", 8)), "regular"},
		"PEM":       {write(t, "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw\n"), "PEM"},
		"directory": {t.TempDir(), "directory"},
		"same key":  {write(t, base64.StdEncoding.EncodeToString(secrets[0])), "same key"},
		"same file": {good, "same key"},
		"absent":    {good + "x", "cannot be opened"},
	} {
		keys, err := LoadFiles(good, c.path)
		if err == nil || keys != nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v; want an error with %q", name, err, c.want)
			continue
		}
		if content, err2 := os.ReadFile(c.path); err2 == nil && len(bytes.TrimSpace(content)) > 8 && strings.Contains(err.Error(), string(content[:8])) {
			t.Errorf("%s: the error shows the file: %v", name, err)
		}
	}
	if _, err := LoadFiles(good + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if _, err := LoadFiles(); err == nil {
		t.Error("no files: accepted")
	}
}

func TestMissingFileSaysHowToMakeOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing")
	if _, err := LoadFiles(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "openssl rand -hex 32") {
		t.Errorf("%v; want the file and a command", err)
	}
}
