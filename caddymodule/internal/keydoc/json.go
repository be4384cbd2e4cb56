// json.go: the form that documents of keys have in common.

package keydoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// MaxSeconds, 100 years, is more than any lifetime in a document, and keeps its
// product with a second from overflowing.
const MaxSeconds = 100 * 365 * 24 * 60 * 60

// Seconds is a duration as documents have it: rounded up, or a key would go a
// fraction too early.
func Seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// Secret is key material in a document. It shows itself in the document's JSON only.
type Secret []byte

// Format hides the bytes from every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "REDACTED") }

// Marshal writes a document.
func Marshal(doc any) ([]byte, error) {
	data, err := json.MarshalIndent(doc, "", "\t")
	if err != nil {
		return nil, errors.New("encoding the keys for storage failed") // the cause may quote them
	}
	return append(data, '\n'), nil
}

// Unmarshal reads a document, and nothing but members that doc has. What is wrong is
// said without a word of the document.
func Unmarshal(data []byte, doc any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(doc); err != nil {
		return errors.New("the document is empty, cut off, or not one of ours")
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("the document has something behind its end")
	}
	return nil
}
