// layout.go: the form of what is in the file.

package localstore

import (
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
const format = "caddy-wechat sessions 2"

// kind tells apart what has a bucket of its own, and goes into every checksum:
// a page of one bucket that turns up in another is noticed.
type kind byte

const (
	kindSession kind = 's' // key: due, issued, user, value
	kindMark    kind = 'm' // key: due
	kindValue   kind = 'v' // key: due, value
	kindUser    kind = 'u' // user, NUL, issued, key: nothing
	kindDue     kind = 'd' // due: kind, key
	kindMeta    kind = 'i' // name: what it is about
	kindProbe   kind = 'p' // see Check
)

var buckets = map[kind][]byte{
	kindSession: []byte("sessions"), kindMark: []byte("marks"), kindValue: []byte("values"),
	kindUser: []byte("users"), kindDue: []byte("due"), kindMeta: []byte("meta"),
	kindProbe: []byte("probe"),
}

var (
	metaFormat = []byte("format")
	metaID     = []byte("id")    // of the file, random: tells copies and restored files in support cases
	metaCount  = []byte("count") // entries and bytes of each counted kind
)

// errDamaged means that the file is not what we wrote. It is never an absence.
var errDamaged = errors.New("the session file is damaged")

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

// unseal returns the payload of an entry, or errDamaged.
func unseal(k kind, key, v []byte) ([]byte, error) {
	if len(v) < 4 || binary.BigEndian.Uint32(v) != checksum(k, key, v[4:]) {
		return nil, errDamaged
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
// the order in which they came, so that new ones lie on the same few pages.
type due struct {
	at     int64
	number uint64
}

const dueSize = 16

func (d due) append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(appendStamp(b, d.at), d.number)
}

func dueOf(b []byte) due { return due{stampOf(b), binary.BigEndian.Uint64(b[8:])} }

// record is a session as it is kept; value may point into the file.
type record struct {
	due    due
	issued int64
	user   string
	value  []byte
}

const recordSize = dueSize + 9 // without user and value

func (r record) payload() []byte {
	b := make([]byte, 0, recordSize+len(r.user)+len(r.value))
	b = appendStamp(r.due.append(b), r.issued)
	b = append(append(b, byte(len(r.user))), r.user...)
	return append(b, r.value...)
}

func recordOf(payload []byte) (record, error) {
	if len(payload) < recordSize || len(payload) < recordSize+int(payload[recordSize-1]) {
		return record{}, errDamaged
	}
	n := recordSize + int(payload[recordSize-1])
	return record{
		due: dueOf(payload), issued: stampOf(payload[dueSize:]),
		user: string(payload[recordSize:n]), value: payload[n:],
	}, nil
}

// small is a mark or a shared value as it is kept; value may point into the file.
type small struct {
	due   due
	value []byte
}

func (s small) payload() []byte {
	return append(s.due.append(make([]byte, 0, dueSize+len(s.value))), s.value...)
}

func smallOf(payload []byte) (small, error) {
	if len(payload) < dueSize {
		return small{}, errDamaged
	}
	return small{dueOf(payload), payload[dueSize:]}, nil
}

// userKey is the place of a session among those of its user: oldest first.
func userKey(user string, issued int64, key string) []byte {
	return append(appendStamp(userPrefix(user), issued), key...)
}

func userPrefix(user string) []byte {
	b := append(make([]byte, 0, len(user)+9+maxKey), user...)
	return append(b, 0)
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
