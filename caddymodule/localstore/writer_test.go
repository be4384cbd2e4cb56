// writer_test.go: group commit, callers that give up, the clock, and the cache.

package localstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// hold keeps the writer from committing until release is called.
func hold(t *testing.T, d *DB) (release func()) {
	t.Helper()
	tx, err := d.bolt.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	return func() { tx.Rollback() }
}

func commits(d *DB) (n int) {
	d.bolt.View(func(tx *bbolt.Tx) error { n = tx.ID(); return nil })
	return n
}

func TestWritesShareACommit(t *testing.T) {
	d := fresh(t, Options{})
	before, release := commits(d), hold(t, d)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() { mustCreate(t, d, fmt.Sprint("s", i), "u") })
	}
	time.Sleep(50 * time.Millisecond)
	release()
	wg.Wait()
	if n := commits(d) - before; n > 20 {
		t.Errorf("200 writes at once took %d commits, want few", n)
	}
	sound(t, d)
}

// A disk that hangs: the caller's context counts, and is no answer about the record.
func TestHangingDisk(t *testing.T) {
	d := fresh(t, Options{})
	mustCreate(t, d, "a", "u")
	release := hold(t, d)
	brief, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	calls := map[string]func(context.Context) error{
		"Create": func(c context.Context) error { return d.Create(c, testRecord("b", "u"), 0, nil) },
		"Delete": func(c context.Context) error { return d.Delete(c, "a") },
		"Update": func(c context.Context) error {
			return d.Update(c, "a", func(v []byte) ([]byte, error) { return v, nil })
		},
		"DeleteUser": func(c context.Context) error { _, err := d.DeleteUser(c, "u"); return err },
		"Mark":       func(c context.Context) error { _, err := d.Mark(c, "m", time.Now().Add(time.Hour)); return err },
		"UpdateValue": func(c context.Context) error {
			return d.UpdateValue(c, "v", time.Now().Add(time.Hour), func([]byte) ([]byte, error) { return []byte("v"), nil })
		},
	}
	var wg sync.WaitGroup
	for name, call := range calls {
		wg.Go(func() {
			if err := call(brief); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s = %v, want context.DeadlineExceeded", name, err)
			}
		})
	}
	start := time.Now()
	if err := d.Delete(ctx, "a"); !errors.Is(err, errSlow) || time.Since(start) > 2*maxWait {
		t.Errorf("Delete = %v after %v, want errSlow after %v", err, time.Since(start), maxWait)
	}
	wantValue(t, d, "a", "value") // reads go on
	wg.Wait()
	release()
	if err := d.Create(ctx, testRecord("c", "u"), 0, nil); err != nil {
		t.Errorf("Create once the disk answers = %v, want nil", err)
	}
	sound(t, d)
}

func TestCloseEndsWaiters(t *testing.T) {
	d := fresh(t, Options{})
	release := hold(t, d)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if err := d.Create(ctx, testRecord(fmt.Sprint(i), "u"), 0, nil); err != nil && !errors.Is(err, errClosed) {
				t.Errorf("Create = %v, want nil or errClosed", err)
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	time.AfterFunc(20*time.Millisecond, release)
	if err := d.Close(); err != nil {
		t.Errorf("Close = %v, want nil", err)
	}
	wg.Wait()
	if _, err := d.Value(ctx, "absent"); !errors.Is(err, errClosed) {
		t.Errorf("Value after Close = %v, want errClosed: that it is absent is not known", err)
	}
	if err := d.Create(ctx, testRecord("late", "u"), 0, nil); !errors.Is(err, errClosed) {
		t.Errorf("Create after Close = %v, want errClosed", err)
	}
}

// One operation finds a page that cannot be read; those that share its commit
// must not fail with it.
func TestSpoiltOperationFailsAlone(t *testing.T) {
	d := fresh(t, Options{})
	release := hold(t, d)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			err := d.write(ctx, func(t *txn) error {
				if i == 7 {
					t.drop(record{kind: kindSession, key: "s1", user: "u"}) // half of it
					panic("a page that makes no sense")
				}
				return t.create(record{kind: kindSession, due: due{at: t.now + 1e12}, key: fmt.Sprint("s", i), user: "u"}, 0)
			})
			if want := i == 7; want != errors.Is(err, errDamaged) || !want && err != nil {
				t.Errorf("operation %d = %v", i, err)
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	release()
	wg.Wait()
	if n := held(d); n != 19 {
		t.Errorf("%d sessions, want 19", n)
	}
	sound(t, d)
}

// A clock that is set back must revive nobody.
func TestClockSetBack(t *testing.T) {
	d := fresh(t, Options{})
	mustCreate(t, d, "a", "u")
	wantValue(t, d, "a", "value")
	d.wall += int64(2 * time.Hour) // the wall clock was there, and is two hours back now
	wantAbsent(t, d, "a")
	if err := d.Update(ctx, "a", func(v []byte) ([]byte, error) { return v, nil }); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Update = %v, want ErrNotFound", err)
	}
	d.wall -= int64(4 * time.Hour) // set forward
	wantValue(t, d, "a", "value")
}

// More sessions than are cached: the others are read from the file, and a
// holder of a lease on one that had to make room asks again.
func TestCacheIsBounded(t *testing.T) {
	c := newCache()
	const n = cacheEntries + cacheEntries/2
	first := newEntry(record{key: "first", user: "u"})
	c.change("first", first)
	hot := newEntry(record{key: "hot", user: "u"})
	c.change("hot", hot)
	for i := range n {
		key := fmt.Sprint("s", i)
		c.change(key, newEntry(record{key: key, user: "u", value: make([]byte, i%300)}))
		c.get("hot")
	}
	held := 0
	for i := range c.shards {
		s := &c.shards[i]
		size := 0
		for place, e := range s.ring {
			size += len(e.value)
			if int(e.place) != place || !e.lease.Live() {
				t.Fatalf("shard %d: the entry at %d has place %d, its lease lives %v", i, place, e.place, e.lease.Live())
			}
		}
		if size != s.bytes || size > cacheBytes/shardCount || len(s.ring) != s.held.ItemCount() {
			t.Errorf("shard %d: %d bytes are counted as %d, %d entries as %d", i, size, s.bytes, len(s.ring), s.held.ItemCount())
		}
		held += len(s.ring)
	}
	if held > cacheEntries || held < cacheEntries*9/10 {
		t.Errorf("%d are held, want about %d", held, cacheEntries)
	}
	if first.lease.Live() {
		t.Error("the lease of one that made room lives")
	}
	if c.get("hot") != hot || !hot.lease.Live() {
		t.Error("one that is read all the time had to make room")
	}
}

// A reader has read the file when a logout changes it: what was read must not
// be cached behind the logout's back.
func TestFillAfterChangeIsRefused(t *testing.T) {
	c := newCache()
	turn := c.turn("a")
	read := newEntry(record{key: "a", user: "u"})
	c.change("a", nil)
	if c.fill(read, turn) != nil || c.get("a") != nil {
		t.Error("what was read before a change is cached after it")
	}
	turn = c.turn("a")
	again, other := newEntry(record{key: "a", user: "u"}), newEntry(record{key: "a", user: "u"})
	if c.fill(again, turn) != again || c.fill(other, turn) != again {
		t.Error("two readers of one version do not share an entry")
	}
	c.clear()
	if again.lease.Live() || c.fill(other, turn) != nil {
		t.Error("after clear, a lease lives or a fill is taken")
	}
}

var _ session.Store = (*DB)(nil)
