// index_test.go: the index and the file: what is refused at the start, what is
// damaged later, and reads that meet a commit.

package localstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func TestIDs(t *testing.T) {
	const name = "AAECAwQFBgcICQoLDA0ODw"
	if i := idOf(name); i != (id{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}) {
		t.Errorf("idOf(%s) = %v, want the bytes that it stands for", name, i)
	}
	seen := map[id]string{}
	for _, name := range []string{name, "AAECAwQFBgcICQoLDA0ODx", "AAECAwQFBgcICQoLDA0OD", "AAECAwQFBgcICQoLDA0ODw==", "a", "b", "", "AAECAwQFBgcICQoLDA0O.w", "AAECAwQFBgcICQoLDA0O\nw"} {
		i := idOf(name)
		if other, twice := seen[i]; twice {
			t.Errorf("%q and %q have one id", name, other)
		}
		seen[i] = name
	}
}

// edit changes a closed file behind the store's back.
func edit(t *testing.T, file string, change func(entries *bbolt.Bucket) error) {
	t.Helper()
	b, err := bbolt.Open(file, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Update(func(tx *bbolt.Tx) error { return change(tx.Bucket(buckets[kindEntry])) }); err != nil {
		t.Fatal(err)
	}
}

// Each byte may be as it was written, and the whole make no sense all the same.
func TestEntriesThatMakeNoSenseAreRefused(t *testing.T) {
	put := func(b *bbolt.Bucket, d due, payload []byte) error {
		place := d.append(nil)
		return b.Put(place, sealed(kindEntry, place, payload))
	}
	later := stamp(time.Now().Add(2 * time.Hour))
	good := record{kind: kindSession, issued: 1, key: "b", user: "u", value: []byte("v")}
	twice := good
	twice.key = "a"
	unknown := good
	unknown.kind = kindMeta
	for name, change := range map[string]func(*bbolt.Bucket) error{
		"one entry twice":        func(b *bbolt.Bucket) error { return put(b, due{later, 1}, twice.payload()) },
		"a number of the future": func(b *bbolt.Bucket) error { return put(b, due{later, 9}, good.payload()) },
		"no number":              func(b *bbolt.Bucket) error { return put(b, due{later, 0}, good.payload()) },
		"an unknown kind":        func(b *bbolt.Bucket) error { return put(b, due{later, 1}, unknown.payload()) },
		"a key without end":      func(b *bbolt.Bucket) error { return put(b, due{later, 1}, good.payload()[:10]) },
		"a user without end":     func(b *bbolt.Bucket) error { return put(b, due{later, 1}, good.payload()[:12]) },
		"nothing":                func(b *bbolt.Bucket) error { return put(b, due{later, 1}, nil) },
		"no place":               func(b *bbolt.Bucket) error { return b.Put([]byte("a"), sealed(kindEntry, []byte("a"), good.payload())) },
		"an entry that was moved": func(b *bbolt.Bucket) error {
			place, v := b.Cursor().First()
			v = bytes.Clone(v)
			b.Delete(place)
			return b.Put(due{later, 1}.append(nil), v)
		},
	} {
		d := fresh(t, Limits{})
		mustCreate(t, d, "a", "u")
		file := d.file
		d.Close()
		edit(t, file, change)
		before, _ := os.ReadFile(file)
		if d, err := Open(file, Limits{}); !errors.Is(err, errDamaged) {
			t.Errorf("%s: Open = %v, want errDamaged", name, err)
			if err == nil {
				d.Close()
			}
		}
		if after, _ := os.ReadFile(file); string(after) != string(before) {
			t.Errorf("%s: the file was changed", name)
		}
		edit(t, file, func(b *bbolt.Bucket) error { // the same place with a good entry is taken
			for _, place := range [][]byte{due{later, 9}.append(nil), due{later, 0}.append(nil), []byte("a")} {
				b.Delete(place)
			}
			return put(b, due{later, 1}, good.payload())
		})
		wantValue(t, opened(t, file), "b", "v")
	}
}

// spoil turns a byte of the newest entry of a file that is open.
func spoil(t *testing.T, d *DB, k kind, key string) {
	t.Helper()
	place, ok := d.index.place(k, idOf(key))
	if !ok {
		t.Fatalf("%s is not there", key)
	}
	content, err := os.ReadFile(d.file)
	if err != nil {
		t.Fatal(err)
	}
	var stored string
	d.read(func(v view) error {
		stored = string(v.bucket(kindEntry).Get(place.append(nil)))
		return nil
	})
	f, err := os.OpenFile(d.file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at := 0; at+len(stored) <= len(content); at++ {
		if string(content[at:at+len(stored)]) == stored { // in pages that are free, too
			f.WriteAt([]byte{stored[len(stored)-1] ^ 1}, int64(at+len(stored)-1))
		}
	}
}

// The disk turns a bit while the gateway runs: an error for that one session, no
// absence; in its time it leaves, and is counted no more.
func TestDamageWhileOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fresh(t, Limits{})
		mustCreate(t, d, "a", "u")
		mustCreate(t, d, "b", "v")
		d.Mark(ctx, "m", time.Now().Add(time.Minute))
		d.UpdateValue(ctx, "k", time.Now().Add(time.Hour), func([]byte) ([]byte, error) { return []byte("value"), nil })
		spoil(t, d, kindSession, "a")
		spoil(t, d, kindValue, "k")
		spoil(t, d, kindMark, "m")
		d.cache.clear()
		keep := func(v []byte) ([]byte, error) { return v, nil }
		for name, err := range map[string]error{
			"Get":         func() error { _, _, err := d.Get(ctx, "a"); return err }(),
			"List":        func() error { _, err := d.List(ctx, "u"); return err }(),
			"Update":      d.Update(ctx, "a", keep),
			"Delete":      d.Delete(ctx, "a"),
			"DeleteUser":  func() error { _, err := d.DeleteUser(ctx, "u"); return err }(),
			"Create":      d.Create(ctx, testRecord("a", "u"), 0),
			"Value":       func() error { _, err := d.Value(ctx, "k"); return err }(),
			"UpdateValue": d.UpdateValue(ctx, "k", time.Now().Add(time.Hour), keep),
			"Mark":        func() error { _, err := d.Mark(ctx, "m", time.Now().Add(time.Hour)); return err }(),
		} {
			if !errors.Is(err, errDamaged) {
				t.Errorf("%s = %v, want errDamaged", name, err)
			}
		}
		wantValue(t, d, "b", "value")
		mustCreate(t, d, "c", "v")
		time.Sleep(time.Minute + 2*sweepInterval)
		synctest.Wait()
		if first, err := d.Mark(ctx, "m", time.Now().Add(time.Minute)); !first || err != nil {
			t.Errorf("Mark when the damaged one has expired = %v, %v, want true, nil", first, err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		wantAbsent(t, d, "a")
		mustCreate(t, d, "a", "u")
		if list, err := d.List(ctx, "u"); err != nil || len(list) != 1 {
			t.Errorf("List = %d sessions, %v, want 1, nil", len(list), err)
		}
		if n, want := d.index.counts, [3]amount{{1, int64(len("value"))}}; n != want {
			t.Errorf("counts = %v, want %v", n, want)
		}
	})
}

// Whatever byte of an entry the disk has damaged, about as many bytes are taken
// off the count as were added.
func TestWeightOfDamagedEntries(t *testing.T) {
	for _, r := range []record{
		{kind: kindSession, key: "a key", user: "app_user", value: make([]byte, 1000)},
		{kind: kindValue, key: "a key", value: make([]byte, 1000)},
		{kind: kindMark, key: "a key"},
	} {
		good := sealed(kindEntry, r.due.append(nil), r.payload())
		for at := range good {
			bad := bytes.Clone(good)
			bad[at] ^= 0x40
			if n, off := weightOf(bad), 80; n < len(r.value)-off || n > len(r.value)+off {
				t.Errorf("%c, byte %d: weightOf = %d, want about %d", r.kind, at, n, len(r.value))
			}
			weightOf(good[:at]) // must not panic
		}
		if n := weightOf(good); n != len(r.value) {
			t.Errorf("%c: weightOf = %d, want %d", r.kind, n, len(r.value))
		}
	}
}

// An entry that is nowhere in the file, and that nobody has ended.
func TestLostEntryIsNoAbsence(t *testing.T) {
	d := fresh(t, Limits{})
	mustCreate(t, d, "a", "u")
	mustCreate(t, d, "b", "v")
	d.cache.clear()
	place, _ := d.index.place(kindSession, idOf("a"))
	if err := d.bolt.Update(func(tx *bbolt.Tx) error { return tx.Bucket(buckets[kindEntry]).Delete(place.append(nil)) }); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Get(ctx, "a"); !errors.Is(err, errDamaged) {
		t.Errorf("Get = %v, want errDamaged", err)
	}
	if list, err := d.List(ctx, "u"); !errors.Is(err, errDamaged) {
		t.Errorf("List = %v, %v, want errDamaged", list, err)
	}
	if err := d.Delete(ctx, "a"); !errors.Is(err, errDamaged) {
		t.Errorf("Delete = %v, want errDamaged", err)
	}
	if _, err := d.DeleteUser(ctx, "u"); !errors.Is(err, errDamaged) {
		t.Errorf("DeleteUser = %v, want errDamaged", err)
	}
	wantValue(t, d, "b", "value")
}

// Readers look into the index and then into the file, while what they look for
// moves and goes: it is never damage, and never lost.
func TestReadsThatMeetCommits(t *testing.T) {
	d := fresh(t, Limits{})
	d.bolt.NoSync = true
	mustCreate(t, d, "stays", "u")
	brief, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var wg sync.WaitGroup
	again := func(f func()) {
		wg.Go(func() {
			for brief.Err() == nil {
				f()
			}
		})
	}
	again(func() { d.Create(ctx, testRecord("comes", "u"), 0); d.Delete(ctx, "comes") })
	again(func() { d.Create(ctx, testRecord("moves", "u"), 0) })
	again(func() {
		d.UpdateValue(ctx, "k", time.Now().Add(time.Hour), func(old []byte) ([]byte, error) { return fmt.Append(nil, len(old)), nil })
	})
	for range 2 {
		again(func() {
			if list, err := d.List(ctx, "u"); err != nil || len(list) < 1 || list[0].Key != "stays" {
				t.Errorf("List = %v, %v, want the one that stays and perhaps others", list, err)
			}
		})
		again(func() {
			d.cache.clear()
			for _, key := range []string{"comes", "moves", "stays"} {
				if _, _, err := d.Get(ctx, key); err != nil && !errors.Is(err, session.ErrNotFound) {
					t.Errorf("Get(%s) = %v", key, err)
				}
			}
		})
		again(func() {
			if _, err := d.Value(ctx, "k"); err != nil && !errors.Is(err, session.ErrNotFound) {
				t.Errorf("Value = %v", err)
			}
		})
	}
	wg.Wait()
	sound(t, d)
}

// A commit has failed, and the file shows it all the same: so must the index.
func TestFailedCommitThatIsThere(t *testing.T) {
	d := fresh(t, Limits{})
	mustCreate(t, d, "a", "u")
	now := commits(d)
	if !d.inFile(now) || d.inFile(now+1) || d.inFile(math.MaxInt) {
		t.Errorf("transaction %d is in the file: %v, the next one: %v", now, d.inFile(now), d.inFile(now+1))
	}
	d.Close()
	if d.inFile(now) {
		t.Error("what cannot be read is in the file")
	}
}
