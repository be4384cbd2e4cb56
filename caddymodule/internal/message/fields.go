// fields.go: what the gateway reads of a message, in either format.

package message

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// MaxBody is the largest push that is read: 1 MiB.
const MaxBody = 1 << 20

const (
	maxDepth  = 32
	maxFields = 4096
)

// errUnreadable never leaves the package.
var errUnreadable = errors.New("neither XML nor JSON of the form that WeChat pushes")

// format is how a message is written.
type format int

const (
	formatXML format = iota
	formatJSON
)

// contentType is for a message whose own Content-Type is not known.
func (f format) contentType() string {
	if f == formatJSON {
		return "application/json"
	}
	return "text/xml"
}

// field is one member of a message.
type field struct {
	name string
	// The text of a string, the digits of a number as they are, the raw JSON or
	// the joined texts of anything larger.
	text string
	// Where its words are among those of the message.
	from, to int
}

// word is a text or a number anywhere in a member, or the name of a part inside it.
type word struct {
	text   string
	isName bool
}

// fields are the members of a message in their order.
type fields struct {
	format format
	list   []field
	words  []word // of all members: one piece of memory for them
}

// begin adds a member, to which the words belong that are added from now on.
func (f *fields) begin(name string) *field {
	if f.list == nil { // as many as most messages have
		f.list, f.words = make([]field, 0, 8), make([]word, 0, 8)
	}
	f.list = append(f.list, field{name: name, from: len(f.words), to: len(f.words)})
	return &f.list[len(f.list)-1]
}

// add adds a word to the member that was begun last.
func (f *fields) add(text string, isName bool) {
	f.words = append(f.words, word{text, isName})
	f.list[len(f.list)-1].to = len(f.words)
}

// get returns a member without the blanks around it that some of WeChat's own
// samples have, or "".
func (f fields) get(name string) string {
	for i := range f.list {
		if f.list[i].name == name {
			return trim(f.list[i].text)
		}
	}
	return ""
}

// decisive are the members by which something is decided here. One of them
// given twice would let gateway and backend read two different messages.
var decisive = []string{"Encrypt", "MsgType", "Event", "MsgId", "FromUserName", "CreateTime", "OpenID", "AppID"}

// readFields reads a message. Names are exact.
func readFields(body []byte) (fields, error) {
	if len(body) > MaxBody {
		return fields{}, errUnreadable
	}
	start := bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(start) == 0 {
		return fields{}, errUnreadable
	}
	f, read := fields{}, (*fields).readXML
	if start[0] == '{' {
		f.format, read = formatJSON, (*fields).readJSON
	}
	if err := read(&f, start); err != nil {
		return fields{}, errUnreadable
	}
	for _, name := range decisive {
		count := 0
		for i := range f.list {
			if f.list[i].name == name {
				count++
			}
		}
		if count > 1 {
			return fields{}, errUnreadable
		}
	}
	return f, nil
}

// digest names the content of a message, whatever the order of its members and
// the space between them.
func (f fields) digest() string {
	lines := make([]string, 0, len(f.list))
	var line []byte
	for _, m := range f.list {
		line = append(append(line[:0], m.name...), 0)
		for i, w := range f.words[m.from:m.to] {
			if i > 0 {
				line = append(line, 0)
			}
			line = append(line, w.text...)
		}
		lines = append(lines, string(line))
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, line := range lines {
		h.Write([]byte(line))
		h.Write([]byte{1})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func trim(s string) string { return strings.Trim(s, " \t\r\n") }
