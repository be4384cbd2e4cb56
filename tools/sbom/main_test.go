package main

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

func TestBill(t *testing.T) {
	info := &buildinfo.BuildInfo{
		GoVersion: "go1.26.8 X:nodwarf5", Main: debug.Module{Path: "example.com/program", Version: "(devel)"},
		Deps: []*debug.Module{
			{Path: "example.com/kept", Version: "v1.2.3", Sum: "h1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
			{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/new", Version: "v2.0.0"}},
		},
	}
	got := bill("caddy", info)
	if got.Metadata.Component.Name != "caddy" || got.Metadata.Component.PackageURL != "pkg:golang/example.com/program" {
		t.Errorf("the program is %+v", got.Metadata.Component)
	}
	want := []string{"pkg:golang/std@1.26.8", "pkg:golang/example.com/kept@v1.2.3", "pkg:golang/example.com/new@v2.0.0"}
	for i, c := range *got.Components {
		if c.PackageURL != want[i] {
			t.Errorf("component %d is %s; want %s", i, c.PackageURL, want[i])
		}
	}
	hashes := (*got.Components)[1].Hashes
	if hashes == nil || (*hashes)[0].Value != "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" {
		t.Errorf("the sum of a module is told as %v", hashes)
	}
	if refs := *(*got.Dependencies)[0].Dependencies; len(refs) != len(want) {
		t.Errorf("the program depends on %v", refs)
	}
}

// Of a real program: this test.
func TestRun(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "bill.json")
	if err := run(self, out); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	var bom cdx.BOM
	if err == nil {
		err = json.Unmarshal(text, &bom)
	}
	if err != nil || bom.BOMFormat != cdx.BOMFormat || len(*bom.Components) < 2 {
		t.Errorf("error %v, bill of %d bytes", err, len(text))
	}
	if err := run(filepath.Join(t.TempDir(), "missing"), ""); err == nil {
		t.Error("a program that is not there has a bill")
	}
}
