// json.go: reading a message in JSON.

package message

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// readJSON reads the members of one object. Numbers keep their digits: a MsgId
// has 64 bits, of which a float would lose some.
func readJSON(body []byte) ([]field, error) {
	d := jsontext.NewDecoder(bytes.NewReader(body),
		jsontext.AllowInvalidUTF8(true),    // a name cut within a character is WeChat's to send
		jsontext.AllowDuplicateNames(true)) // as XML repeats a list's members; readFields refuses what matters
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return nil, errUnreadable
	}
	var list []field
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil || len(list) >= maxFields {
			return nil, errUnreadable
		}
		m := field{name: name.String()}
		begin := d.InputOffset()
		for outer := d.StackDepth(); ; {
			t, err := d.ReadToken()
			if err != nil || d.StackDepth() > maxDepth {
				return nil, errUnreadable
			}
			switch t.Kind() {
			case '"', '0', 't', 'f':
				if kind, length := d.StackIndex(d.StackDepth()); kind == '{' && length%2 == 1 && d.StackDepth() > outer {
					m.shape = append(m.shape, t.String()) // a name
				} else {
					m.leaf(t.String())
				}
			}
			if d.StackDepth() == outer {
				switch t.Kind() {
				case '"', '0', 't', 'f':
					m.text = t.String()
				case '}', ']':
					m.text = string(bytes.TrimLeft(body[begin:d.InputOffset()], ": \t\r\n"))
				}
				break
			}
		}
		list = append(list, m)
	}
	if t, err := d.ReadToken(); err != nil || t.Kind() != '}' {
		return nil, errUnreadable
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errUnreadable
	}
	return list, nil
}
