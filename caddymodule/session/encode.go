// encode.go: the form of a session in a store.

package session

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Stores keep a hundred million sessions in memory: every byte counts. A session is
//
//	format, kind (2 bits) and whether more follows (bit 2)
//	appid, openid, unionid: see appendName
//	issued, in Unix milliseconds, and how long it lives: varints
//	more, in JSON: what only some sessions have
//
// Its ID is in the key of its record, to which the value is sealed.
const (
	encoding = 1 // a record of before begins with {
	kindBits = 3
	hasMore  = 4
)

var kinds = [...]Kind{Mini, Official, Website, Mobile}

// more is what only some sessions have.
type more struct {
	UserInfo json.RawMessage `json:"n,omitempty"`
	Phone    *Phone          `json:"p,omitempty"`
	Failures int             `json:"f,omitempty"`
}

func (s *Session) encode() ([]byte, error) {
	if len(s.ID) == oldIDLen {
		return s.encodeOld()
	}
	flags := byte(0)
	for i, kind := range kinds {
		if kind == s.Kind {
			flags = byte(i)
		}
	}
	var rest []byte
	if s.UserInfo != nil || s.Phone != nil || s.DataFailures != 0 {
		var err error
		if rest, err = json.Marshal(more{s.UserInfo, s.Phone, s.DataFailures}); err != nil {
			return nil, err
		}
		flags |= hasMore
	}
	b := make([]byte, 0, 96+len(rest))
	b = append(b, encoding, flags)
	for _, name := range []string{s.AppID, s.OpenID, s.UnionID} {
		b = appendName(b, name)
	}
	issued := s.IssuedAt.UnixMilli()
	b = binary.AppendVarint(b, issued)
	b = binary.AppendVarint(b, s.ExpiresAt.UnixMilli()-issued)
	return append(b, rest...), nil
}

// decode reads the session of the record under key. What is no session of ours
// is ErrForged: its text may name the user, so no error repeats any of it.
func decode(value []byte, key string) (*Session, error) {
	if len(value) > 0 && value[0] == '{' {
		return decodeOld(value, key)
	}
	if len(value) < 2 || value[0] != encoding || value[1] > kindBits|hasMore {
		return nil, ErrForged
	}
	s, r := &Session{ID: idOf(key), Kind: kinds[value[1]&kindBits]}, reader{rest: value[2:]}
	s.AppID, s.OpenID, s.UnionID = r.name(), r.name(), r.name()
	issued := r.varint()
	s.IssuedAt, s.ExpiresAt = time.UnixMilli(issued), time.UnixMilli(issued+r.varint())
	if value[1]&hasMore != 0 {
		var m more
		if json.Unmarshal(r.rest, &m) != nil {
			return nil, ErrForged
		}
		s.UserInfo, s.Phone, s.DataFailures, r.rest = m.UserInfo, m.Phone, m.Failures, nil
	}
	if r.bad || len(r.rest) > 0 || !s.whole() {
		return nil, ErrForged
	}
	return s, nil
}

func (s *Session) whole() bool {
	return s.ID != "" && s.AppID != "" && s.OpenID != "" && s.IssuedAt.Before(s.ExpiresAt)
}

// oldForm is that of a session that was made before ids named the user; only
// stores that last longer than a version have any. It keeps that form to its end.
type oldForm struct {
	ID      string `json:"s"`
	AppID   string `json:"a"`
	OpenID  string `json:"o"`
	Kind    string `json:"k,omitempty"` // its first letter; absent for a mini program
	UnionID string `json:"u,omitempty"`
	Issued  int64  `json:"i"` // in Unix milliseconds, as the next
	Expires int64  `json:"e"`
	more
}

func (s *Session) encodeOld() ([]byte, error) {
	o := oldForm{
		ID: s.ID, AppID: s.AppID, OpenID: s.OpenID, UnionID: s.UnionID,
		Issued: s.IssuedAt.UnixMilli(), Expires: s.ExpiresAt.UnixMilli(), more: more{s.UserInfo, s.Phone, s.DataFailures},
	}
	if s.Kind != Mini {
		o.Kind = string(s.Kind[:1])
	}
	return json.Marshal(o)
}

func decodeOld(value []byte, key string) (*Session, error) {
	var o oldForm
	if json.Unmarshal(value, &o) != nil {
		return nil, ErrForged
	}
	s := &Session{
		ID: o.ID, AppID: o.AppID, OpenID: o.OpenID, UnionID: o.UnionID, Kind: Mini,
		IssuedAt: time.UnixMilli(o.Issued), ExpiresAt: time.UnixMilli(o.Expires),
		UserInfo: o.UserInfo, Phone: o.Phone, DataFailures: o.Failures,
	}
	for _, kind := range kinds[1:] {
		if o.Kind == string(kind[:1]) {
			s.Kind, o.Kind = kind, ""
		}
	}
	if o.Kind != "" || !s.whole() || len(s.ID) != oldIDLen || recordKey(s.ID) != key {
		return nil, ErrForged
	}
	return s, nil
}

// Forms of a name: how many bytes follow, in two bits less than the number says,
// and what they are.
const (
	plain   = iota
	base64s // in fours of its characters, as openids are
	wxHex   // behind "wx", as appids are
	padded  // base64 with = at its end, as session keys are
)

// appendName appends a name in its shortest form.
func appendName(b []byte, name string) []byte {
	form, packed := plain, []byte(name)
	if len(name) == 18 && name[:2] == "wx" {
		if raw, err := hex.DecodeString(name[2:]); err == nil && hex.EncodeToString(raw) == name[2:] {
			form, packed = wxHex, raw
		}
	} else if len(name)%4 == 0 && name != "" {
		if raw, err := base64.RawURLEncoding.DecodeString(name); err == nil && base64.RawURLEncoding.EncodeToString(raw) == name {
			form, packed = base64s, raw
		} else if raw, err := base64.StdEncoding.DecodeString(name); err == nil && base64.StdEncoding.EncodeToString(raw) == name {
			form, packed = padded, raw
		}
	}
	return append(binary.AppendUvarint(b, uint64(len(packed)<<2|form)), packed...)
}

// reader takes a value apart; bad says that it is not what encode wrote.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) name() string {
	head, n := binary.Uvarint(r.rest)
	size, form := head>>2, head&3
	if n <= 0 || size > uint64(len(r.rest)-n) {
		r.bad = true
		return ""
	}
	var text []byte
	text, r.rest = r.rest[n:n+int(size)], r.rest[n+int(size):]
	switch form {
	case plain:
		return string(text)
	case base64s:
		return base64.RawURLEncoding.EncodeToString(text)
	case wxHex:
		return "wx" + hex.EncodeToString(text)
	default:
		return base64.StdEncoding.EncodeToString(text)
	}
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.bad, n = true, 0
	}
	r.rest = r.rest[n:]
	return v
}
