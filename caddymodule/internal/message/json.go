// json.go: reading a message in JSON.

package message

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// readJSON reads the members of one object. Numbers keep their digits: a MsgId
// has 64 bits, of which a float would lose some.
func (f *fields) readJSON(body []byte) error {
	r := jsonReader{text: string(body), Decoder: jsontext.NewDecoder(bytes.NewBuffer(body), // which it reads without a copy
		jsontext.AllowInvalidUTF8(true),     // a name cut within a character is WeChat's to send
		jsontext.AllowDuplicateNames(true))} // as XML repeats a list's members; readFields refuses what matters
	if kind, _, err := r.next(); err != nil || kind != '{' {
		return errUnreadable
	}
	for r.PeekKind() == '"' {
		_, name, err := r.next()
		if err != nil || len(f.list) >= maxFields {
			return errUnreadable
		}
		m := f.begin(name)
		begin := r.InputOffset()
		for outer := r.StackDepth(); ; {
			kind, text, err := r.next()
			if err != nil || r.StackDepth() > maxDepth {
				return errUnreadable
			}
			switch kind {
			case '"', '0', 't', 'f':
				around, length := r.StackIndex(r.StackDepth())
				f.add(text, around == '{' && length%2 == 1 && r.StackDepth() > outer)
			}
			if r.StackDepth() == outer {
				switch kind {
				case '"', '0', 't', 'f':
					m.text = text
				case '}', ']':
					m.text = strings.TrimLeft(r.text[begin:r.InputOffset()], ": \t\r\n")
				}
				break
			}
		}
	}
	if kind, _, err := r.next(); err != nil || kind != '}' {
		return errUnreadable
	}
	if _, err := r.ReadToken(); !errors.Is(err, io.EOF) {
		return errUnreadable
	}
	return nil
}

// jsonReader reads tokens whose texts are pieces of one string, where they can be.
type jsonReader struct {
	text string
	*jsontext.Decoder
}

// next returns the next token's kind, and the text of a name, a string, a number, true or false.
func (r *jsonReader) next() (kind jsontext.Kind, text string, err error) {
	before := r.InputOffset()
	t, err := r.ReadToken()
	if err != nil {
		return 0, "", err
	}
	switch kind = t.Kind(); kind {
	case '"', '0', 't', 'f':
		raw := strings.TrimLeft(r.text[before:r.InputOffset()], ",: \t\r\n")
		switch {
		case kind != '"':
			return kind, raw, nil
		case isPlain(raw):
			return kind, raw[1 : len(raw)-1], nil
		}
		return kind, t.String(), nil
	}
	return kind, "", nil
}

// isPlain reports whether a JSON string means what is between its quotes.
func isPlain(quoted string) bool {
	return strings.IndexByte(quoted, '\\') < 0 && utf8.ValidString(quoted)
}
