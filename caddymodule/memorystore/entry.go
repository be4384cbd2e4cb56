// entry.go: what is held, and until when.

package memorystore

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// entry is a session, a mark or a shared value. Only next and its place change
// after it was put: an update puts a new entry. A million of them are held, so it is
// 80 bytes, which is a size that Go's allocator has: what it would not need is not in it.
type entry struct {
	key     string
	value   []byte
	issued  int64                 // Unix milliseconds, as the next
	expires int64                 // by the wall clock
	ahead   int32                 // seconds, see watch
	place   int32                 // in the shard's heap, -1 when not held; guarded by the shard
	next    atomic.Pointer[entry] // of the same name, not issued earlier
	lease   session.Lease
}

// watch counts time though the wall clock is set. Entries end by both clocks: one that is
// set back must not revive a session, and one that is set forward must be believed,
// as the tokens' "exp" is checked against it too.
type watch struct{ start time.Time }

// reading is a moment since 1970, by the wall clock, and as if that was never set since the start.
type reading struct{ wall, steady time.Duration }

func (w watch) now() reading {
	now := time.Now()
	return reading{time.Duration(now.UnixNano()), time.Duration(w.start.UnixNano()) + now.Sub(w.start)}
}

// ahead is by how many seconds the wall clock is ahead of the steady one, rounded down:
// where it is set back later, an entry ends a second late, and never early. Go reads
// the two clocks one after the other: a millisecond less than a second is one.
func (r reading) ahead() int32 {
	return int32(math.Floor((r.wall - r.steady + time.Millisecond).Seconds()))
}

// newEntry makes an entry that lives until the given time, by the wall clock of now and
// by what passes from now on.
func newEntry(key string, value []byte, now reading, until time.Time) *entry {
	return &entry{key: key, value: value, expires: until.UnixMilli(), ahead: now.ahead(), place: -1}
}

// before reports whether the moment is before one of the wall clock.
func (r reading) before(until time.Time) bool { return r.wall.Milliseconds() < until.UnixMilli() }

// end is when the entry is over by the steady clock.
func (e *entry) end() int64 { return e.expires - int64(e.ahead)*1000 }

// live reports whether the entry has not expired.
func (e *entry) live(now reading) bool {
	return now.wall.Milliseconds() < e.expires && now.steady.Milliseconds() < e.end()
}
