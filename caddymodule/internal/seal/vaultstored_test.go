// vaultstored_test.go: what the version of November 2026 has kept is read, and written
// as it was.

package seal

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDocumentOfTheVersionBefore(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("testdata", "kept", "kept.json"))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := os.ReadFile(filepath.Join("testdata", "kept", "kept.sealed"))
	if err != nil {
		t.Fatal(err)
	}
	storage := tempStorage(t)
	if err := storage.Store(t.Context(), documentPath, document); err != nil {
		t.Fatal(err)
	}
	v := openVault(t, storage, nil)
	opens(t, v, "sealed before", sealed, place, "written before")
	h := v.doc.Held()
	if again, err := encodeDocument(h.entries, h.maxLifetime); err != nil || string(again) != string(document) {
		t.Errorf("written again it has %d bytes, not the same %d, %v", len(again), len(document), err)
	}
}
