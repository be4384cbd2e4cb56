// shown.go: the one text that a value with secrets shows.

// Package redact promises that a type which embeds [Shown] shows one text, chosen by
// the type, to everything that prints: package fmt with every verb, log/slog, zap,
// and encoders of JSON and text.
//
// It refuses to guard what goes round methods: fmt prints the unexported fields of a
// struct of another package without asking them. So a secret itself belongs behind a
// pointer or, better, a function, into which no printer walks.
package redact

import (
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Shown is what the type that embeds it shows in place of its fields. The zero value
// shows "[redacted]".
type Shown string

// String returns the text.
func (s Shown) String() string {
	if s == "" {
		return "[redacted]"
	}
	return string(s)
}

// GoString is for %#v.
func (s Shown) GoString() string { return s.String() }

// Format answers every verb, as %x and %+v go round String otherwise.
func (s Shown) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is for log/slog.
func (s Shown) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON is for encoders and zap's reflection.
func (s Shown) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalText is for all other encoders, and for keys of JSON objects.
func (s Shown) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

var (
	_ fmt.Formatter          = Shown("")
	_ fmt.GoStringer         = Shown("")
	_ slog.LogValuer         = Shown("")
	_ json.Marshaler         = Shown("")
	_ encoding.TextMarshaler = Shown("")
)
