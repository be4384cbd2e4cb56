// layout.go: the form of what is in the file.

package localstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"strings"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// format is what the meta bucket of a file of ours says. Another form of the
// content gets another number.
const format = "caddy-wechat sessions 3"

// kind tells apart what is kept, and goes into every checksum: a page of one
// bucket that turns up in another is noticed.
type kind byte

const (
	// entries
	kindSession kind = 's'
	kindMark    kind = 'm'
	kindValue   kind = 'v'

	// buckets
	kindEntry kind = 'e' // due: kind, issued, key, user, value
	kindMeta  kind = 'i' // name: what it is about
	kindProbe kind = 'p' // see Check
)

// All entries are in one bucket, in the order in which they expire. What is
// written at one moment lies on the same few pages, which one commit writes, and
// so does what is swept at one moment: a B+ tree of a million random keys would
// have the disk write two pages for each key instead. Where an entry is, the
// index in memory knows.
var buckets = map[kind][]byte{
	kindEntry: []byte("entries"), kindMeta: []byte("meta"), kindProbe: []byte("probe"),
}

func ourBucket(name []byte) bool {
	for _, ours := range buckets {
		if bytes.Equal(ours, name) {
			return true
		}
	}
	return false
}

var (
	metaFormat = []byte("format")
	metaID     = []byte("id") // of the file, random: tells copies and restored files in support cases
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(k kind, key, payload []byte) uint32 {
	sum := crc32.Update(uint32(k), castagnoli, key)
	return crc32.Update(sum, castagnoli, payload)
}

// sealed is the form of an entry's value: a checksum of key and payload, then
// the payload. bbolt itself has none but for its meta pages.
func sealed(k kind, key, payload []byte) []byte {
	v := make([]byte, 4, 4+len(payload))
	binary.BigEndian.PutUint32(v, checksum(k, key, payload))
	return append(v, payload...)
}

// errRecord means that one record is not what was written, while the file is well.
// It does not leave the package: such a record is taken out, and is absent.
var errRecord = errors.New("a record of the session file is damaged")

// unseal returns the payload of an entry, or errRecord.
func unseal(k kind, key, v []byte) ([]byte, error) {
	if len(v) < 4 || binary.BigEndian.Uint32(v) != checksum(k, key, v[4:]) {
		return nil, errRecord
	}
	return v[4:], nil
}

// stamp is a moment in nanoseconds. What is beyond the year 2262 is that year.
func stamp(t time.Time) int64 {
	switch s := t.Unix(); {
	case s >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	case s <= math.MinInt64/int64(time.Second):
		return math.MinInt64
	}
	return t.UnixNano()
}

// appendStamp appends a stamp so that bytes order as moments do.
func appendStamp(b []byte, t int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t)^1<<63)
}

func stampOf(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ 1<<63) }

// due is when an entry expires, and its place among those of that moment: in
// the order in which they came. A number is given once, so that another version
// of an entry is in another place.
type due struct {
	at     int64
	number uint64 // 0 is no place
}

const dueSize = 16

func (d due) append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(appendStamp(b, d.at), d.number)
}

func dueOf(b []byte) due { return due{stampOf(b), binary.BigEndian.Uint64(b[8:])} }

// record is an entry: a session, a mark or a shared value.
type record struct {
	kind      kind
	due       due
	issued    int64  // of a session
	key, user string // user of a session
	value     []byte // may point into the file
}

// recordSize is that of an entry without its texts.
const recordSize = 1 + 8 + 1 + 1

func (r record) payload() []byte {
	b := make([]byte, 0, recordSize+len(r.key)+len(r.user)+len(r.value))
	b = appendStamp(append(b, byte(r.kind)), r.issued)
	b = append(append(b, byte(len(r.key))), r.key...)
	b = append(append(b, byte(len(r.user))), r.user...)
	return append(b, r.value...)
}

// recordOf reads an entry as the file has it. Its value points there.
func recordOf(place, sealed []byte) (r record, err error) {
	b, err := unseal(kindEntry, place, sealed)
	if err != nil {
		return record{}, err
	}
	text := func() (s string) {
		if len(b) == 0 || len(b) <= int(b[0]) {
			err = errRecord
			return ""
		}
		s, b = string(b[1:1+b[0]]), b[1+b[0]:]
		return s
	}
	if len(place) != dueSize || len(b) < recordSize {
		return record{}, errRecord
	}
	r = record{kind: kind(b[0]), due: dueOf(place), issued: stampOf(b[1:])}
	b = b[9:]
	r.key, r.user = text(), text()
	r.value = b
	switch r.kind {
	case kindSession, kindMark, kindValue:
		return r, err
	}
	return record{}, errRecord
}

// weightOf is how many bytes the value of a damaged entry had, as far as the
// lengths of its texts can be read.
func weightOf(sealed []byte) int {
	if len(sealed) < 4+recordSize {
		return 0
	}
	b := sealed[4+9:]
	for range 2 { // key, user
		n := int(b[0])
		if b = b[1:]; n <= maxKey && n <= len(b) {
			b = b[n:]
		}
		if len(b) == 0 {
			return 0
		}
	}
	return len(b)
}

var errTooLarge = fmt.Errorf("a value is larger than %d bytes", maxValue)

// errKey keeps out what could not be told apart in an index.
var errKey = errors.New("a key or user must have 1 to 64 bytes, none of them NUL")

func validKey(s string) bool {
	return s != "" && len(s) <= maxKey && strings.IndexByte(s, 0) < 0
}

func checkRecord(rec session.Record) error {
	switch {
	case !validKey(rec.Key) || !validKey(rec.User):
		return errKey
	case len(rec.Value) > maxValue:
		return errTooLarge
	}
	return nil
}
