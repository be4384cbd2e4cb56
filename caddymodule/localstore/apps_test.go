// apps_test.go: the number of sessions of each app.

package localstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
)

func wantCounts(t *testing.T, d *DB, when string, want map[string]int) {
	t.Helper()
	if have, err := d.Count(ctx); err != nil || !maps.Equal(have, want) {
		t.Errorf("%s: Count = %v, %v, want %v, nil", when, have, err, want)
	}
}

func TestCountByApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fresh(t, Limits{})
		file := d.file
		wantCounts(t, d, "at first", map[string]int{})
		for i := range 5 {
			mustCreate(t, d, fmt.Sprint("a", i), "one.alice")
			mustCreate(t, d, fmt.Sprint("b", i), "two.bob")
		}
		mustCreate(t, d, "c", "two.carol")
		wantCounts(t, d, "after logins", map[string]int{"one.": 5, "two.": 6})

		if err := d.Update(ctx, "a0", func([]byte) ([]byte, error) { return []byte("longer than before"), nil }); err != nil {
			t.Fatal(err)
		}
		d.Delete(ctx, "a1")
		d.Delete(ctx, "a1")
		d.DeleteUser(ctx, "two.bob")
		wantCounts(t, d, "after logouts", map[string]int{"one.": 4, "two.": 1})

		mustCreate(t, d, "c", "one.alice") // another user takes the key
		if err := d.Create(ctx, testRecord("a9", "one.alice"), 2); err != nil {
			t.Fatal(err)
		}
		wantCounts(t, d, "after the oldest had to go", map[string]int{"one.": 2})
		sound(t, d)
		d.Close()
		if have, err := d.Count(ctx); !errors.Is(err, errClosed) {
			t.Errorf("Count of a closed file = %v, %v, want errClosed", have, err)
		}

		d = opened(t, file)
		wantCounts(t, d, "after a restart", map[string]int{"one.": 2})
		time.Sleep(time.Hour + 2*sweepInterval)
		synctest.Wait()
		wantCounts(t, d, "after their time", map[string]int{})
		over, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := d.Count(over); !errors.Is(err, context.Canceled) {
			t.Errorf("Count = %v, want context.Canceled", err)
		}
		sound(t, d)
	})
}

// A commit whose outcome is unknown must leave the counts as the file has them.
func TestCountAfterAFailedCommit(t *testing.T) {
	d := fresh(t, Limits{})
	mustCreate(t, d, "a", "one.alice")
	d.bolt.MaxSize = 1
	big := testRecord("big", "two.bob")
	big.Value = make([]byte, maxValue)
	failed := false
	for i := 0; i < 1000 && !failed; i++ {
		big.Key = fmt.Sprint("big", i)
		d.apps.add(map[string]int64{"one.": 7}) // as if the commit had gone another way than it seemed
		failed = d.Create(ctx, big, 0) != nil
		if !failed {
			d.apps.add(map[string]int64{"one.": -7})
		}
	}
	sound(t, d)
	d.bolt.MaxSize = 0
	mustCreate(t, d, "b", "one.alice")
	sound(t, d)
}

// A number of sessions that cannot be read is not taken for zero.
func TestDamagedCountIsRefused(t *testing.T) {
	d := fresh(t, Limits{})
	mustCreate(t, d, "a", "one.alice")
	file := d.file
	d.Close()
	for name, change := range map[string]func(*bbolt.Bucket) error{
		"value": func(b *bbolt.Bucket) error { return b.Put([]byte("app one."), make([]byte, 12)) },
		"name":  func(b *bbolt.Bucket) error { return b.Put([]byte("apq one."), b.Get([]byte("app one."))) },
		"size": func(b *bbolt.Bucket) error {
			k := []byte("app one.")
			return b.Put(k, sealed(kindMeta, k, []byte("one")))
		},
	} {
		b, err := bbolt.Open(file, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		var saved []byte
		b.Update(func(tx *bbolt.Tx) error {
			meta := tx.Bucket(buckets[kindMeta])
			saved = append(saved, meta.Get([]byte("app one."))...)
			return change(meta)
		})
		b.Close()
		if d, err := Open(file, Limits{}); !errors.Is(err, errDamaged) {
			t.Errorf("%s: Open = %v, want errDamaged", name, err)
			if err == nil {
				d.Close()
			}
		}
		b, _ = bbolt.Open(file, 0o600, nil)
		b.Update(func(tx *bbolt.Tx) error {
			meta := tx.Bucket(buckets[kindMeta])
			meta.Delete([]byte("apq one."))
			return meta.Put([]byte("app one."), saved)
		})
		b.Close()
	}
	wantCounts(t, opened(t, file), "after all", map[string]int{"one.": 1})
}
