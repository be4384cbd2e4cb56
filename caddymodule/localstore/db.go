// db.go: an open database, from Open to Close.

package localstore

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// DB is a session file and what is needed to use it: a store without Caddy. It
// outlives configurations and knows none: no logger, no context.
//
// All writes go through one goroutine, which commits, then tells the index and the
// cache, then the callers. Reads see what was committed last and take no lock that
// a sync holds.
type DB struct {
	bolt   *bbolt.DB
	cache  *cache
	queue  chan *op
	unsure bool // a commit has failed, its outcome is unknown; the writer's own

	file  string
	named os.FileInfo // what had this name when it was opened
	gone  atomic.Bool // it had this name no more when that was last looked at

	index index
	*tuning
	lost atomic.Int64 // damaged records that were taken out, and that nobody was told of yet

	salvaged *Salvage // when it was opened, if nobody was told yet; see tell

	wall    int64     // at the start, in nanoseconds
	started time.Time // the same, of which the monotonic reading counts

	closing        sync.Once
	stop           chan struct{}
	stopped, swept chan struct{} // the writer, the sweeper
}

// Open opens a session file, and makes it if there is none. One process at a
// time may have a file open. Close it to release it.
func Open(file string, o Options) (*DB, error) {
	t := newTuning()
	t.tune(o.tune())
	return open(file, t)
}

func open(file string, t *tuning) (*DB, error) {
	if full, err := filepath.Abs(file); err == nil {
		file = full // still its name when the process changes its directory
	}
	b, named, salvaged, err := openFile(file)
	if err != nil {
		return nil, err
	}
	d := &DB{
		bolt: b, file: file, named: named, salvaged: salvaged, tuning: t, cache: newCache(), queue: make(chan *op, queueLength), started: time.Now(),
		stop: make(chan struct{}), stopped: make(chan struct{}), swept: make(chan struct{}),
	}
	d.wall = d.started.UnixNano()
	stale, err := d.loadIndex()
	if err == nil {
		err = d.mend(stale)
	}
	if err != nil {
		return nil, errors.Join(explain(file, err), b.Close())
	}
	go d.writeAll()
	go d.sweepEvery(sweepInterval)
	return d, nil
}

// Close ends what is under way with an error and releases the file. What was
// acknowledged is on disk.
func (d *DB) Close() (err error) {
	d.closing.Do(func() {
		close(d.stop)
		<-d.stopped
		<-d.swept
		err = d.bolt.Close()
		d.cache.clear()
	})
	return err
}

// now is the time that expiries are compared with: the later one of the wall
// clock and of the wall clock at the start plus what has passed since. A clock
// that is set back must not revive a session, and one that is set forward must
// be believed, as the tokens' "exp" is checked against it too.
func (d *DB) now() int64 {
	now := time.Now()
	return max(now.UnixNano(), d.wall+int64(now.Sub(d.started)))
}

var (
	_ session.Store   = (*DB)(nil)
	_ session.Counter = (*DB)(nil)
	_ session.Checker = (*DB)(nil)
)
