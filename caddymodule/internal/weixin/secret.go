// secret.go: an app secret or a user's access_token, which can be sent but not printed.

package weixin

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret holds a text that no print, log or encoder shows: all of them give
// "[redacted]". The zero value is the empty secret. Two secrets compare equal
// with == only if they are copies of the same NewSecret.
type Secret struct {
	// A pointer, because fmt prints unexported fields of a foreign struct without
	// asking their methods: it then shows an address and not the text.
	text *string
}

// NewSecret wraps a text, for example the app secret of the console.
func NewSecret(text string) Secret { return Secret{text: &text} }

// reveal is the one way to the text; only request builders call it.
func (s Secret) reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (s Secret) GoString() string { return redacted }

// Format writes "[redacted]" for every verb, also for those that do not fit.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns "[redacted]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns "[redacted]" to log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

var (
	_ fmt.Formatter  = Secret{}
	_ fmt.GoStringer = Secret{}
	_ slog.LogValuer = Secret{}
)
