// keys.go: what is kept in Redis, and under which names.

package redisstore

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// All that belongs to a user is one hash: the sessions and the user's value. In
// Redis a small hash is one block of memory, and every key beside it would cost as
// much as a session does; one key is one thing to track, changes as a whole, and
// has one slot in a Cluster, so that users are spread evenly.
//
//	<prefix>u<user>  hash: sessions and value of a user, see bundle.go; shared values, too
//	<prefix>m<key>   a mark
//	<prefix>n        hash: how many sessions of an app expire in a minute, see count.go
//	<prefix>p<name>  a gateway's probe, for seconds
//
// With the default prefix and a letter the names are 30 bytes long: the longest
// that Redis keeps in 32 bytes.
type names struct{ prefix string }

func (n names) user(user string) string { return n.prefix + "u" + user }
func (n names) mark(key string) string  { return n.prefix + "m" + key }
func (n names) counts() string          { return n.prefix + "n" }
func (n names) probe(name string) string {
	return n.prefix + "p" + name
}

const (
	userLen = 22 // of session.Record.User; a key of a record is the user and more

	maxValue = 64 << 10
	maxName  = 64
)

var (
	errTooLarge = fmt.Errorf("a value is larger than %d bytes", maxValue)
	errName     = errors.New("a store key is not of the form that session.Store demands")
	errDamaged  = fmt.Errorf("redis: %w", session.ErrForged)
)

// checkName keeps everything but the manager's names out of Redis keys: a brace
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

// splitKey takes the key of a record apart. One that does not name its user is of
// a version before, of whose sessions none is here.
func splitKey(key string) (user, name string, err error) {
	if err := checkName(key); err != nil {
		return "", "", err
	}
	if len(key) < userLen+minName {
		return "", "", session.ErrNotFound
	}
	return key[:userLen], key[userLen:], nil
}

// expiry is a moment in milliseconds, as Redis counts.
func expiry(until time.Time) int64 { return until.UnixMilli() }

// over reports whether a moment is not in the future.
func over(ms int64) bool { return time.Now().UnixMilli() >= ms }

// pxat is the argument that lets Redis forget a key at ms and not a millisecond
// later: Redis keeps a key for the whole millisecond of its expiry.
func pxat(ms int64) string { return fmt.Sprint(ms - 1) }
