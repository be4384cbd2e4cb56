// command.go: `caddy ...` in a process of its own, which is this test binary again, or
// the built one.

package gatewaytest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
)

// asCaddy makes this test binary the binary caddy: it holds all that cmd/caddy
// does, and needs no second build.
const asCaddy = "CADDY_WECHAT_TEST_AS_CADDY"

func init() {
	if os.Getenv(asCaddy) != "" {
		caddycmd.Main()
		os.Exit(0)
	}
}

// CaddyCommand prepares a run of the binary: of the built one, if the environment names
// it, as a command of a second has only a tenth of one to wait for it.
func CaddyCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	if built := os.Getenv(builtCaddy); built != "" {
		cmd := exec.CommandContext(t.Context(), built, args...)
		cmd.Env = os.Environ()
		return cmd
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asCaddy+"=1")
	return cmd
}

// Run is what came of a command.
type Run struct {
	Stdout, Stderr string
	Code           int
}

// Wechat runs `caddy wechat ...` against the gateway's admin endpoint.
func (gw *Gateway) Wechat(t *testing.T, args ...string) Run {
	t.Helper()
	end := slices.Index(args, "--") // after it all are arguments
	if end < 0 {
		end = len(args)
	}
	return RunCaddy(t, "", slices.Concat([]string{"wechat"}, args[:end], []string{"--address", gw.Admin}, args[end:])...)
}

// RunCaddy runs `caddy ...` with an input, and waits for its end.
func RunCaddy(t *testing.T, stdin string, args ...string) Run {
	t.Helper()
	cmd := CaddyCommand(t, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return Run{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// Require fails unless a command ended with a code and said all of the texts, on
// standard output when it went well, on standard error when not.
func (r Run) Require(t *testing.T, code int, texts ...string) {
	t.Helper()
	out := r.Stdout
	if code != 0 {
		out = r.Stderr
	}
	if r.Code != code || !ContainsAll(out, texts) {
		t.Errorf("exit code %d, stdout %q, stderr %q; want %d and %q", r.Code, r.Stdout, r.Stderr, code, texts)
	}
}
