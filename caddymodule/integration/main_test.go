// main_test.go: what must hold for the run as a whole: tests did run, none was
// skipped, and Caddy left no goroutine behind.

package integration

import (
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

var executed, skipped atomic.Int64

// countTest notes that a test really started a gateway. Every start calls it.
func countTest(t *testing.T) {
	executed.Add(1)
	t.Cleanup(func() {
		if t.Skipped() {
			skipped.Add(1)
		}
	})
}

// A run without filters in which no gateway was started, or in which a test
// bowed out, would be green and prove nothing.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "caddy-wechat-integration-")
	if err != nil {
		panic(err)
	}
	// Caddy keeps its instance id there, whatever the storage is
	os.Setenv("XDG_DATA_HOME", dir)
	os.Setenv("XDG_CONFIG_HOME", dir)

	flag.Parse()
	code := m.Run()
	os.RemoveAll(dir)

	filtered := false
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.bench", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			filtered = true
		}
	}
	switch {
	case code != 0:
	case skipped.Load() > 0:
		fmt.Fprintf(os.Stderr, "FAIL: %d integration tests were skipped\n", skipped.Load())
		code = 1
	case executed.Load() == 0 && !filtered:
		fmt.Fprintln(os.Stderr, "FAIL: no integration test was executed")
		code = 1
	default:
		// certmagic keeps looking after a lock file for some seconds after it is gone
		if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh")); err != nil {
			fmt.Fprintf(os.Stderr, "FAIL: goroutines are left: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}
