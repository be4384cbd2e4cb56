// oneshot_test.go: what counts as this machine, and that a cause tells no bytes. That
// nothing is repeated is shown where it matters, in weixin and relay.

package oneshot

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "0.0.0.0": false, "10.0.0.1": false, "localhost.": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "loca\u017fhost": false,
	} {
		if got := Loopback(host); got != want {
			t.Errorf("Loopback(%q) = %v", host, got)
		}
	}
}

// net/http quotes what it read, and a url.Error shows the query; neither may be told.
func TestReduceTellsNoBytes(t *testing.T) {
	secret := errors.New("secret=hunter2")
	for _, tt := range []struct {
		err     error
		network bool
		is      error
	}{
		{&url.Error{Op: "Get", URL: "https://h/?secret=hunter2", Err: io.EOF}, true, io.EOF},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, true, syscall.ECONNREFUSED},
		{&net.OpError{Op: "read", Err: secret}, true, nil},
		{io.ErrUnexpectedEOF, true, io.ErrUnexpectedEOF},
		{fmt.Errorf("malformed HTTP response %w", secret), false, nil},
	} {
		why, network := Reduce(tt.err)
		if network != tt.network || network && tt.is != nil && !errors.Is(why, tt.is) {
			t.Errorf("Reduce(%T) = %v, %v", tt.err, why, network)
		}
		if network && strings.Contains(fmt.Sprintf("%v %+v %#v", why, why, why), "hunter2") {
			t.Errorf("Reduce(%T) tells %v", tt.err, why)
		}
	}
}
