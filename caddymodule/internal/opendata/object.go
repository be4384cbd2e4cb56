// object.go: one strict reading of a JSON object, the watermark taken out.

package opendata

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// object is what one pass over a text finds. Fields hold what was read before
// the first fault, so that checks can run on good and bad texts alike.
type object struct {
	ok        int    // 1: one object, strict, nothing after it
	rest      []byte // the object without watermark; names and values as they were
	openID    member
	unionID   member
	appID     member // watermark.appid
	timestamp int64  // watermark.timestamp, Unix s; -1: absent or no whole number
}

// member is a string member; present without valid is a member of another type.
type member struct {
	present, valid int
	text           []byte
}

// equals reports 1 when the member is a string equal to want and want is not empty.
func (m member) equals(want string) int {
	if want == "" {
		return 0
	}
	return m.valid & subtle.ConstantTimeCompare(m.text, []byte(want))
}

// errShape is a fault that jsontext does not know. It never leaves the package.
var errShape = errors.New("not one object")

// decoy is what the reader is given in place of a text it gave up on: members
// shaped like WeChat's, all different, so that no prefix of it is at fault
// before its end.
var decoy = func() []byte {
	b := []byte("{")
	for i := 0; len(b) < maxObject; i++ {
		b = fmt.Appendf(b, `"name%04d":"http://wx.qlogo.cn/mmopen/",`, i)
	}
	return b[:maxObject]
}()

// reader is a JSON reader that is used again: its tables of names are most of
// what an answer allocates. It keeps names of members, never values or texts.
type reader struct {
	jsontext.Decoder
	buf bytes.Buffer
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// over points r at text, which jsontext reads in place and does not change.
func (r *reader) over(text []byte) {
	r.buf = *bytes.NewBuffer(text)
	r.Reset(&r.buf)
}

func (r *reader) release() {
	r.over(nil)
	readers.Put(r)
}

// scan reads text as one JSON object under RFC 7493 (I-JSON): UTF-8, escapes
// that are valid Unicode, no name twice. It also returns how far it came.
func scan(text []byte) (o object, read int) {
	dec := readers.Get().(*reader)
	defer dec.release()
	dec.over(text)
	o.timestamp = -1
	o.rest = make([]byte, 0, len(text))
	err := o.read(&dec.Decoder)
	if err == nil {
		o.ok = 1
		return o, len(text)
	}
	read = int(dec.InputOffset())
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		read = max(read, int(syntax.ByteOffset))
	}
	return o, min(read, len(text))
}

func (o *object) read(dec *jsontext.Decoder) error {
	err := members(dec, func(raw jsontext.Value) error {
		// A Value is good until the next read, so the name is copied before its
		// value is known; the watermark's is taken back.
		mark := len(o.rest)
		o.rest = append(o.rest, ',')
		name := len(o.rest)
		o.rest = append(append(o.rest, raw...), ':')
		var m *member
		switch nameOf(o.rest[name : name+len(raw)]) {
		case "watermark":
			o.rest = o.rest[:mark]
			return o.readWatermark(dec)
		case "openId":
			m = &o.openID
		case "unionId":
			m = &o.unionID
		}
		val, err := dec.ReadValue()
		if err != nil {
			return err
		}
		o.rest = append(o.rest, val...)
		if m != nil {
			*m = stringMember(val)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(o.rest) == 0 {
		o.rest = append(o.rest, '{')
	}
	o.rest[0] = '{' // was the first member's comma
	o.rest = append(o.rest, '}')
	switch _, err := dec.ReadToken(); err {
	case io.EOF:
		return nil
	case nil:
		return errShape // one more token
	default:
		return err
	}
}

// readWatermark reads the member's value. A watermark that is no object leaves
// nothing to compare, which fails later like a wrong one.
func (o *object) readWatermark(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '{' {
		return dec.SkipValue()
	}
	return members(dec, func(raw jsontext.Value) error {
		name := nameOf(raw)
		val, err := dec.ReadValue()
		if err != nil {
			return err
		}
		switch name {
		case "appid":
			o.appID = stringMember(val)
		case "timestamp":
			o.timestamp = wholeNumber(val)
		}
		return nil
	})
}

// members reads one object and calls each with every raw name; each must read
// the value.
func members(dec *jsontext.Decoder, each func(name jsontext.Value) error) error {
	if tok, err := dec.ReadToken(); err != nil {
		return err
	} else if tok.Kind() != '{' {
		return errShape
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := each(name); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// nameOf returns the name a raw JSON string spells, or "" for the many that do
// not matter here: an escaped spelling of "openId" is still openId.
func nameOf(raw []byte) string {
	if bytes.IndexByte(raw, '\\') >= 0 {
		raw, _ = jsontext.AppendQuote(nil, unquote(raw))
	}
	switch string(raw) {
	case `"watermark"`:
		return "watermark"
	case `"openId"`:
		return "openId"
	case `"unionId"`:
		return "unionId"
	case `"appid"`:
		return "appid"
	case `"timestamp"`:
		return "timestamp"
	}
	return ""
}

func unquote(raw []byte) []byte {
	text, _ := jsontext.AppendUnquote(nil, raw)
	return text
}

func stringMember(v jsontext.Value) member {
	if v.Kind() != '"' {
		return member{present: 1}
	}
	return member{present: 1, valid: 1, text: unquote(v)}
}

// wholeNumber returns v when it is written in at most 11 plain digits, else -1.
func wholeNumber(v jsontext.Value) int64 {
	n, err := strconv.ParseUint(string(v), 10, 63)
	if err != nil || len(v) > 11 {
		return -1
	}
	return int64(n)
}
