// vaultstored_test.go: what the version of November 2026 has kept is read, and written
// as it was.

package token

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A gateway is updated: its keys are in storage, its users hold tokens.
func TestDocumentOfTheVersionBefore(t *testing.T) {
	for _, alg := range allAlgorithms {
		kept := filepath.Join("testdata", "kept", "kept_"+strings.ToLower(string(alg)))
		document, err := os.ReadFile(kept + ".json")
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(kept + ".jwt")
		if err != nil {
			t.Fatal(err)
		}
		storage, clock := tempStorage(t), newClock()
		path := "wechat/token_keys/" + strings.ToLower(string(alg)) + ".json"
		if err := storage.Store(t.Context(), path, document); err != nil {
			t.Fatal(err)
		}
		opts := vaultOptions(storage, clock)
		opts.Algorithm = alg
		v, err := OpenVault(t.Context(), opts)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if c, err := v.Snapshot(clock.now()).Verify(strings.TrimSpace(string(text))); err != nil || c != testClaims() {
			t.Errorf("%s: a token of before: %+v, %v", alg, c, err)
		}
		if again, err := encodeDocument(v.current(), alg); err != nil || string(again) != string(document) {
			t.Errorf("%s: written again it has %d bytes, not the same %d, %v", alg, len(again), len(document), err)
		}
	}
}
