// Command sbom writes the bill of materials of a Go program as CycloneDX JSON: what
// it was built from, read from the program itself (go version -m).
package main

import (
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

func main() {
	out := flag.String("o", "", "the `file` to write; default: standard output")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Usage: sbom [-o file] <program>\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *out); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(program, out string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	to := os.Stdout
	if out != "" {
		if to, err = os.Create(out); err != nil {
			return err
		}
		defer to.Close()
	}
	encoder := cdx.NewBOMEncoder(to, cdx.BOMFileFormatJSON)
	encoder.SetPretty(true)
	return encoder.Encode(bill(filepath.Base(program), info))
}

// bill lists the modules in the program's own order, and the Go release. Nothing
// in it depends on the time or the place of the build, so that two builds of one
// commit have one bill.
func bill(name string, info *buildinfo.BuildInfo) *cdx.BOM {
	release, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	components := []cdx.Component{{
		BOMRef: "go", Type: cdx.ComponentTypeLibrary, Name: "std", Version: release, PackageURL: "pkg:golang/std@" + release,
		Description: "Go's standard library",
	}}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		components = append(components, component(module))
	}
	refs := make([]string, len(components))
	for i, c := range components {
		refs[i] = c.BOMRef
	}
	slices.Sort(refs)

	bom := cdx.NewBOM()
	program := component(&info.Main)
	program.Type, program.Name = cdx.ComponentTypeApplication, name
	bom.Metadata = &cdx.Metadata{Component: &program}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: program.BOMRef, Dependencies: &refs}}
	return bom
}

func component(m *debug.Module) cdx.Component {
	purl := "pkg:golang/" + m.Path
	if m.Version != "" && m.Version != "(devel)" {
		purl += "@" + m.Version
	}
	c := cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: purl}
	// "h1:" is the SHA-256 of the module's files, as go.sum has it
	if sum, ok := strings.CutPrefix(m.Sum, "h1:"); ok {
		if raw, err := base64.StdEncoding.DecodeString(sum); err == nil {
			c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(raw)}}
		}
	}
	return c
}
