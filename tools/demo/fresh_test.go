// fresh_test.go: the page's script is made of the sources that are there.

package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPageIsFresh does without Node.js what page/build.mjs does: it hashes what
// page.js is made of.
func TestPageIsFresh(t *testing.T) {
	hash := sha256.New()
	for _, dir := range []string{"page", "../../client/src"} {
		names, err := filepath.Glob(dir + "/*.ts") // in order
		if err != nil || len(names) < 5 {
			t.Fatalf("in %s there are %d sources (%v)", dir, len(names), err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(hash, "%s\x00%s", filepath.Base(name), text)
		}
	}
	made, err := os.ReadFile("page/page.js")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(made), "\n")
	if want := fmt.Sprintf("// made by build.mjs from %x", hash.Sum(nil)); first != want {
		t.Errorf("page/page.js is stale: its first line is %q, want %q. \"make screenshots\" makes it anew, and so does: cd client && npm ci && node ../tools/demo/page/build.mjs", first, want)
	}
}
