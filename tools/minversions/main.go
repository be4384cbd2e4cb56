// Command minversions checks that Go programs were built with no version that is
// known to be vulnerable in a way that touches a gateway.
//
// It needs no network, unlike govulncheck, which knows more: it looks into the
// programs themselves (go version -m) and compares with a list that comes with it.
package main

import (
	"bufio"
	"debug/buildinfo"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/mod/semver"
)

//go:embed minimums.txt
var list string

// minimum is the least version of a module that may be built in.
type minimum struct{ module, version, why string }

func main() {
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Usage: minversions <program>...\n\nFails when a program was built with a version that minimums.txt rules out.\n")
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	minimums, err := parse(list)
	for _, program := range flag.Args() {
		if err != nil {
			break
		}
		var info *buildinfo.BuildInfo
		if info, err = buildinfo.ReadFile(program); err == nil {
			fmt.Println(program)
			err = check(os.Stdout, info, minimums)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "minversions:", err)
		os.Exit(1)
	}
}

func parse(text string) ([]minimum, error) {
	var minimums []minimum
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasPrefix(fields[0], "#"):
			continue
		case len(fields) < 3 || !semver.IsValid(fields[1]):
			return nil, fmt.Errorf("minimums.txt: want a module, a version and a reason, not %q", strings.TrimSpace(line))
		}
		minimums = append(minimums, minimum{fields[0], fields[1], strings.Join(fields[2:], " ")})
	}
	return minimums, nil
}

// check prints a line for each module that has a minimum and is built in.
func check(w io.Writer, info *buildinfo.BuildInfo, minimums []minimum) error {
	release, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	built := map[string]string{"go": "v" + release}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		built[module.Path] = module.Version
	}
	out := bufio.NewWriter(w)
	defer out.Flush()
	bad := 0
	for _, m := range minimums {
		version, ok := built[m.module]
		switch {
		case !ok:
			continue
		case !semver.IsValid(version):
			bad++
			fmt.Fprintf(out, "  BAD  %-36s %s is no version; at least %s\n", m.module, version, m.version)
		case semver.Compare(version, m.version) < 0:
			bad++
			fmt.Fprintf(out, "  BAD  %-36s %s, at least %s: %s\n", m.module, version, m.version, m.why)
		default:
			fmt.Fprintf(out, "  ok   %-36s %s, at least %s\n", m.module, version, m.version)
		}
	}
	if bad > 0 {
		return errors.New("built with a version that is known to be vulnerable; raise it with: go get <module>@latest")
	}
	return nil
}
