// hoard.go: what must not be found, and a search for it.

package gatewaytest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
)

// Hoard is everything that must not be found, by what it is.
type Hoard map[string]string

// Keep notes a text that must not be found, in the ways it could be written.
func (h Hoard) Keep(what, text string) string {
	h[text] = what
	h[base64.RawStdEncoding.EncodeToString([]byte(text))] = what + " in base64"
	h[hex.EncodeToString([]byte(text))] = what + " in hex"
	if escaped := strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(text); escaped != text {
		h[escaped] = what + " in a URL"
	}
	return text
}

// Search fails if a text holds any of it. It does not show what it found.
func (h Hoard) Search(t *testing.T, where, text string) {
	t.Helper()
	for secret, what := range h {
		if strings.Contains(text, secret) {
			t.Errorf("%s: holds the %s", where, what)
		}
	}
}

// LockedBuffer takes what a process writes.
type LockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write adds to the buffer.
func (l *LockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is all that was written by now.
func (l *LockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
