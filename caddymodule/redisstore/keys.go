// keys.go: what is kept in Redis, under which names and in which form.

package redisstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Users are in groups. All keys of a group share a hash tag, so that a Cluster
// keeps them on one server and one transaction changes a user's together, with
// the counters of the group. A session's locator is elsewhere: Get knows the
// session's key only.
//
//	<prefix>s:<key>                  the user of the session
//	<prefix>r:{<group>}<user>:<key>  the session itself
//	<prefix>u:{<group>}<user>        hash, the index: session key to times
//	<prefix>e:{<group>}<user>        the user's epoch, renewed by DeleteUser
//	<prefix>n:{<group>}<app>         sorted set, the app's sessions: session key by expiry
//	<prefix>a:{<group>}              hash, the apps with sessions: app to when its set goes
//	<prefix>m:<key>                  a mark
//	<prefix>v:<key>                  a shared value
//	<prefix>p:<name>                 a gateway's probe, for seconds
//
// A session is valid when its locator, its record and its line in the index are
// there and the record is of the user's present epoch. Ending it removes all
// three: putting one of them back brings nothing back. The record and the index
// change together or not at all; the locator is written before and removed after.
type names struct{ prefix string }

func (n names) locator(key string) string { return n.prefix + "s:" + key }
func (n names) record(user, key string) string {
	return n.prefix + "r" + tagOf(user) + user + ":" + key
}
func (n names) index(user string) string { return n.prefix + "u" + tagOf(user) + user }
func (n names) epoch(user string) string { return n.prefix + "e" + tagOf(user) + user }
func (n names) mark(key string) string   { return n.prefix + "m:" + key }
func (n names) value(key string) string  { return n.prefix + "v:" + key }
func (n names) probe(key string) string  { return n.prefix + "p:" + key }

func (n names) counter(group int, app string) string { return n.prefix + "n" + tag(group) + app }
func (n names) apps(group int) string                { return n.prefix + "a" + tag(group) }

// groupCount is how many groups there are: enough to be spread evenly over the
// servers of a Cluster, and few enough to ask all of them for a count.
const groupCount = 1024

// groupOf is the group of a user, the same on every node (FNV-1a).
func groupOf(user string) int {
	hash := uint32(2166136261)
	for i := range len(user) {
		hash = (hash ^ uint32(user[i])) * 16777619
	}
	return int(hash % groupCount)
}

func tag(group int) string     { return ":{" + strconv.Itoa(group) + "}" }
func tagOf(user string) string { return tag(groupOf(user)) }

const (
	maxValue = 64 << 10
	maxName  = 64
)

var (
	errTooLarge = fmt.Errorf("a value is larger than %d bytes", maxValue)
	errName     = errors.New("a store key is not of the form that session.Store demands")
	errDamaged  = errors.New("an entry in redis is damaged")
)

// checkName keeps everything but the manager's hashes out of Redis keys: a brace
// would move a key to another slot.
func checkName(names ...string) error {
	for _, s := range names {
		if s == "" || len(s) > maxName {
			return errName
		}
		for i := range len(s) {
			c := s[i]
			if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' {
				return errName
			}
		}
	}
	return nil
}

// expiry is a moment in milliseconds, as Redis counts. Zero is never one to keep.
func expiry(until time.Time) int64 { return until.UnixMilli() }

// over reports whether a moment is not in the future.
func over(ms int64) bool { return time.Now().UnixMilli() >= ms }

// pxat is the argument that lets Redis forget a key at ms and not a millisecond
// later: Redis keeps a key for the whole millisecond of its expiry.
func pxat(ms int64) string { return fmt.Sprint(ms - 1) }

const (
	epochSize   = 16
	recordHead  = 1 + epochSize + 16
	valueHead   = 1 + 8
	epochEntry  = epochSize + 8
	indexEntry  = 16
	frameFormat = 1
)

// encodeRecord frames a session: format, epoch, issued, expires, value.
func encodeRecord(epoch string, issued, expires int64, value []byte) string {
	b := make([]byte, 0, recordHead+len(value))
	b = append(b, frameFormat)
	b = append(b, epoch...)
	b = binary.BigEndian.AppendUint64(b, uint64(issued))
	b = binary.BigEndian.AppendUint64(b, uint64(expires))
	return string(append(b, value...))
}

// decodeRecord undoes encodeRecord. A live record of another epoch is absent, as
// is an expired one; one that is damaged is an error.
func decodeRecord(frame, epoch string) (session.Record, error) {
	if len(frame) < recordHead || frame[0] != frameFormat {
		return session.Record{}, errDamaged
	}
	issued, expires := timesOf(frame[1+epochSize:])
	if frame[1:1+epochSize] != epoch || over(expires) {
		return session.Record{}, session.ErrNotFound
	}
	return session.Record{
		Value:    []byte(frame[recordHead:]),
		IssuedAt: time.UnixMilli(issued), ExpiresAt: time.UnixMilli(expires),
	}, nil
}

func encodeTimes(issued, expires int64) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(issued))
	return string(binary.BigEndian.AppendUint64(b, uint64(expires)))
}

func timesOf(s string) (issued, expires int64) {
	b := []byte(s[:indexEntry])
	return int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))
}

func encodeEpoch(epoch string, until int64) string {
	return string(binary.BigEndian.AppendUint64([]byte(epoch), uint64(until)))
}

// decodeEpoch returns an epoch and until when Redis keeps it; absent is "".
func decodeEpoch(s string) (epoch string, until int64, err error) {
	if s == "" {
		return "", 0, nil
	}
	if len(s) != epochEntry {
		return "", 0, errDamaged
	}
	return s[:epochSize], int64(binary.BigEndian.Uint64([]byte(s[epochSize:]))), nil
}

func encodeValue(expires int64, value []byte) string {
	b := binary.BigEndian.AppendUint64([]byte{frameFormat}, uint64(expires))
	return string(append(b, value...))
}

// decodeValue returns a shared value, or nil when it has expired.
func decodeValue(frame string) ([]byte, error) {
	if len(frame) < valueHead || frame[0] != frameFormat {
		return nil, errDamaged
	}
	if over(int64(binary.BigEndian.Uint64([]byte(frame[1:valueHead])))) {
		return nil, nil
	}
	return append([]byte{}, frame[valueHead:]...), nil
}
