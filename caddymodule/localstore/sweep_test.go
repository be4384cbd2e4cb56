// sweep_test.go: what expired gives its room back, in the file and on the disk.

package localstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/localstore/internal/boltcheck"
)

// free tells how many pages a closed file has, and how many of them are free.
func free(t *testing.T, file string) boltcheck.State {
	t.Helper()
	st, err := inspect(file)
	if err != nil {
		t.Fatalf("inspect = %v, want nil", err)
	}
	return st
}

func TestExpiredLeavesTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fresh(t, Options{})
		d.bolt.NoSync = true
		file, until := d.bolt.Path(), time.Now().Add(time.Minute)
		for i := range 1000 {
			r := testRecord(fmt.Sprint("s", i), fmt.Sprint("u", i%300))
			r.ExpiresAt, r.Value = until, make([]byte, 200)
			if err := d.Create(ctx, r, 0, nil); err != nil {
				t.Fatal(err)
			}
			d.Mark(ctx, r.Key, until)
			d.UpdateValue(ctx, r.Key, until, func([]byte) ([]byte, error) { return []byte("v"), nil })
		}
		mustCreate(t, d, "stays", "u1")
		time.Sleep(time.Minute + 2*sweepInterval)
		synctest.Wait()
		d.read(func(v view) error {
			for k := range buckets {
				if n, most := v.bucket(k).Stats().KeyN, map[kind]int{kindEntry: 1, kindMeta: 2}[k]; n != most {
					t.Errorf("bucket %c has %d entries, want %d", k, n, most)
				}
			}
			return nil
		})
		sound(t, d)
		if n := held(d); n != 1 {
			t.Errorf("%d sessions, want 1", n)
		}
		held := 0
		for i := range d.cache.shards {
			held += len(d.cache.shards[i].ring)
		}
		if held != 1 {
			t.Errorf("%d sessions are cached, want 1", held)
		}
		d.Close()
		if st := free(t, file); st.Free < st.Pages*9/10 {
			t.Errorf("%d of %d pages are free, want nine tenths", st.Free, st.Pages)
		}
	})
}

// The disk hangs: a sweep that gives up is still to be done, so there is no other
// behind it, and it shares nothing with the sweeper.
func TestSweepOnASlowDisk(t *testing.T) {
	d := fresh(t, Options{})
	r := testRecord("a", "u")
	r.ExpiresAt = time.Now().Add(100 * time.Millisecond)
	if err := d.Create(ctx, r, 0, nil); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	release, start := hold(t, d), time.Now()
	d.sweepOverdue()
	if took := time.Since(start); took > maxWait*3/2 {
		t.Errorf("a sweep on a disk that hangs took %v, want %v", took, maxWait)
	}
	release()
	mustCreate(t, d, "b", "u")
	if n := held(d); n != 1 {
		t.Errorf("%d sessions, want 1: the sweep was queued before", n)
	}
	sound(t, d)
}

// Users come and go for ever: the file must not.
func TestFileDoesNotGrowWithoutBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fresh(t, Options{})
		d.bolt.NoSync = true
		var sizes []int64
		for round := range 8 {
			for i := range 300 {
				r := testRecord(fmt.Sprint(round, "-", i), fmt.Sprint(round, "u", i))
				r.ExpiresAt, r.Value = time.Now().Add(time.Minute), make([]byte, 1000)
				if err := d.Create(ctx, r, 3, nil); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Minute + 2*sweepInterval)
			synctest.Wait()
			var size int64
			d.bolt.View(func(tx *bbolt.Tx) error { size = tx.Size(); return nil })
			sizes = append(sizes, size)
		}
		if last := sizes[len(sizes)-1]; last > sizes[1]*3/2 {
			t.Errorf("pages in use: %v bytes, want no growth", sizes)
		}
	})
}

// Between the look for an earlier try and the new file, somebody who may write to
// the directory puts a link there: to a file of the gateway's, that sessions shall
// overwrite, or to a place where they shall be read.
func TestCompactionFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "sessions.db.compact")
	for _, target := range []string{"empty", "nowhere"} {
		target = filepath.Join(dir, target)
		if filepath.Base(target) == "empty" {
			if err := os.WriteFile(target, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(target, name); err != nil {
			t.Skip(err) // Windows, without the right to
		}
		db, err := openNew(name)
		if !errors.Is(err, os.ErrExist) {
			t.Errorf("openNew where a link leads to %s = %v, want os.ErrExist", filepath.Base(target), err)
		}
		if err == nil {
			db.Close()
		}
		if info, err := os.Stat(target); err == nil && info.Size() > 0 || err != nil && filepath.Base(target) == "empty" {
			t.Errorf("%s was written to, or is gone: %v", filepath.Base(target), err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCompactionKeepsAllAndTheLock(t *testing.T) {
	file, keys := prepared(t, 5000, time.Now().Add(time.Hour))
	d := opened(t, file)
	d.bolt.NoSync = true
	for _, key := range keys[100:] {
		if err := d.Delete(ctx, key); err != nil {
			t.Fatal(err)
		}
	}
	d.Close()
	before, _ := os.Stat(file)
	if err := os.WriteFile(file+".compact", []byte("a piece of an earlier try"), 0o600); err != nil {
		t.Fatal(err)
	}
	old, err := openBolt(file, os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	small, err := compact(old, file)
	if err != nil {
		t.Fatalf("compact = %v, want nil", err)
	}
	if _, err := Open(file, Options{}); !errors.Is(err, errLocked) {
		t.Errorf("Open after the new file took the name = %v, want errLocked", err)
	}
	if small.NoSync {
		t.Error("the new file is written without syncs")
	}
	small.Close()
	after, _ := os.Stat(file)
	if after.Size() > before.Size()/2 {
		t.Errorf("the file has %d bytes, %d before, want less than half", after.Size(), before.Size())
	}
	if _, err := os.Stat(file + ".compact"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the new file's first name: %v, want none", err)
	}
	d = opened(t, file)
	for _, key := range keys[:100] {
		if _, _, err := d.Get(ctx, key); err != nil {
			t.Errorf("Get = %v, want the session", err)
		}
	}
	sound(t, d)
	mustCreate(t, d, "new", "u")

	for st, want := range map[boltcheck.State]bool{
		{Pages: compactPages - 1, Free: compactPages - 1}: false,
		{Pages: compactPages, Free: compactPages/4*3 - 1}: false,
		{Pages: compactPages, Free: compactPages / 4 * 3}: true,
		{Pages: 100 * compactPages, Free: compactPages}:   false,
	} {
		if got := compactable(st); got != want {
			t.Errorf("%+v is compactable: %v, want %v", st, got, want)
		}
	}
}

// A compaction that finds no room leaves the file as it was.
func TestFailedCompactionIsNoFailure(t *testing.T) {
	file, keys := prepared(t, 100, time.Now().Add(time.Hour))
	if err := os.MkdirAll(filepath.Join(file+".compact", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	old, err := openBolt(file, os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := compact(old, file); err == nil {
		t.Error("compact = nil, want an error")
	}
	old.Close()
	if _, _, err := opened(t, file).Get(ctx, keys[0]); err != nil {
		t.Errorf("Get = %v, want the session", err)
	}
}
