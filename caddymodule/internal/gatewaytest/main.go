// main.go: what must hold for the run as a whole: tests did run, none was
// skipped, and Caddy left no goroutine behind.

package gatewaytest

import (
	"flag"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var executed, skipped atomic.Int64

// CountTest notes that a test really started a gateway. Every start calls it.
func CountTest(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("the whole gateway takes its time: without -short")
	}
	executed.Add(1)
	t.Cleanup(func() {
		if t.Skipped() {
			skipped.Add(1)
		}
	})
}

// Main runs the tests of a package; its TestMain calls it. A run without filters in which
// no gateway was started, or in which a test bowed out, would be green and prove nothing:
// it fails, as does one that leaves goroutines behind.
func Main(m *testing.M) {
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

	filtered := testing.Short()
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.bench", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			filtered = true
		}
	}
	switch {
	case code != 0:
	case skipped.Load() > 0:
		fmt.Fprintf(os.Stderr, "FAIL: %d tests with a gateway were skipped\n", skipped.Load())
		code = 1
	case executed.Load() == 0 && !filtered:
		fmt.Fprintln(os.Stderr, "FAIL: no test with a gateway was executed")
		code = 1
	default:
		if err := leaked(); err != nil {
			fmt.Fprintf(os.Stderr, "FAIL: goroutines are left: %v\n", err)
			code = 1
		}
	}
	os.Exit(code)
}

// leaked finds goroutines that nothing ends. Not ours are those of connections
// that a client has left open, and of a lock file that certmagic looks after for
// some seconds after it is gone.
func leaked() (err error) {
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); {
		err = goleak.Find(
			goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"),
			goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*serverConn).serve"),
			goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*serverConn).readFrames"),
			goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*Framer).ReadFrame"),
		)
		if err == nil {
			return nil
		}
	}
	return err
}
