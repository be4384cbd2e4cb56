// damage_test.go: a damaged record is an absent one: nobody is locked out by it, and
// the operator hears of it once.

package localstore

import (
	"bytes"
	"errors"
	"os"

	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

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

// listening opens a file and returns what its operator is told then.
func listening(t *testing.T, file string) (d *DB, lost func() int) {
	t.Helper()
	n := make(chan int, 100)
	d, err := Open(file, Options{Damaged: func(records int) { n <- records }})
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	t.Cleanup(func() { d.Close() })
	return d, func() (sum int) {
		time.Sleep(2 * sweepInterval)
		synctest.Wait()
		for len(n) > 0 {
			sum += <-n
		}
		return sum
	}
}

// Each byte may be as it was written, and a record make no sense all the same: it is
// absent and leaves the file, the others are served, and only that start tells of it.
func TestRecordsThatMakeNoSenseAtStart(t *testing.T) {
	put := func(b *bbolt.Bucket, d due, payload []byte) error {
		place := d.append(nil)
		return b.Put(place, sealed(kindEntry, place, payload))
	}
	later := stamp(time.Now().Add(time.Hour * 24 * 365 * 100)) // beyond the bubble's time as well
	good := record{kind: kindSession, issued: 1, key: "b", user: "v", value: []byte("v")}
	unknown := good
	unknown.kind = kindMeta
	for name, change := range map[string]func(*bbolt.Bucket) error{
		"no number":          func(b *bbolt.Bucket) error { return put(b, due{later, 0}, good.payload()) },
		"no possible number": func(b *bbolt.Bucket) error { return put(b, due{later, maxNumber + 1}, good.payload()) },
		"an unknown kind":    func(b *bbolt.Bucket) error { return put(b, due{later, 9}, unknown.payload()) },
		"a key without end":  func(b *bbolt.Bucket) error { return put(b, due{later, 9}, good.payload()[:10]) },
		"a user without end": func(b *bbolt.Bucket) error { return put(b, due{later, 9}, good.payload()[:12]) },
		"nothing":            func(b *bbolt.Bucket) error { return put(b, due{later, 9}, nil) },
		"no place":           func(b *bbolt.Bucket) error { return b.Put([]byte("b"), sealed(kindEntry, []byte("b"), good.payload())) },
		"a bit": func(b *bbolt.Bucket) error {
			place := due{later, 9}.append(nil)
			v := sealed(kindEntry, place, good.payload())
			v[len(v)-1] ^= 1
			return b.Put(place, v)
		},
		"a record that was moved": func(b *bbolt.Bucket) error {
			_, v := b.Cursor().First()
			return b.Put(due{later, 9}.append(nil), bytes.Clone(v))
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := fresh(t, Options{})
			mustCreate(t, d, "a", "u")
			file := d.file
			d.Close()
			edit(t, file, change)
			d, lost := listening(t, file)
			wantValue(t, d, "a", "value")
			wantAbsent(t, d, "b")
			sound(t, d)
			if n := lost(); n != 1 {
				t.Errorf("%s: the operator was told of %d records, want 1", name, n)
			}
			if err := d.Create(ctx, testRecord("c", "v"), 1, nil); err != nil {
				t.Errorf("%s: Create for the user of the damaged session = %v, want nil", name, err)
			}
			d.Close()
			d, lost = listening(t, file)
			if n := lost(); n != 0 {
				t.Errorf("%s: the next start told of %d records, want 0", name, n)
			}
			wantValue(t, d, "c", "value")
		})
	}
}

// Two versions of one record are in the file, both whole: the newer one counts, and
// the older one does not come back when that has ended. What has a number that the
// file has not given yet keeps it for itself.
func TestVersionsAndNumbersAtStart(t *testing.T) {
	d := fresh(t, Options{})
	mustCreate(t, d, "a", "u")
	file := d.file
	d.Close()
	later := stamp(time.Now().Add(2 * time.Hour))
	put := func(number uint64, later int64, user, value string) {
		edit(t, file, func(b *bbolt.Bucket) error {
			place := due{later, number}.append(nil)
			r := record{kind: kindSession, issued: 1, key: "a", user: user, value: []byte(value)}
			return b.Put(place, sealed(kindEntry, place, r.payload()))
		})
	}
	put(8, later, "v", "newer")
	d = opened(t, file)
	wantValue(t, d, "a", "newer")
	if list, err := d.List(ctx, "u"); err != nil || len(list) != 0 {
		t.Errorf("List of the user of the older version = %v, %v, want nothing", list, err)
	}
	sound(t, d)
	mustCreate(t, d, "b", "u")
	if place, _ := d.index.place(kindSession, "b"); place.number <= 8 {
		t.Errorf("the next record got number %d, want more than 8", place.number)
	}
	d.Close()
	put(7, later+int64(time.Hour), "w", "older, in a later place of the file")
	d = opened(t, file)
	wantValue(t, d, "a", "newer")
	if err := d.Delete(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	d.Close()
	d = opened(t, file)
	wantAbsent(t, d, "a") // neither of the older ones comes back
	wantValue(t, d, "b", "value")
	sound(t, d)
}

// spoil turns a byte of the newest entry of a file that is open.
func spoil(t *testing.T, d *DB, k kind, key string) {
	t.Helper()
	place, ok := d.index.place(k, key)
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

// vanish takes a record out of a file that is open, behind the store's back.
func vanish(t *testing.T, d *DB, k kind, key string) {
	t.Helper()
	place, ok := d.index.place(k, key)
	if !ok {
		t.Fatalf("%s is not there", key)
	}
	if err := d.bolt.Update(func(tx *bbolt.Tx) error { return tx.Bucket(buckets[kindEntry]).Delete(place.append(nil)) }); err != nil {
		t.Fatal(err)
	}
}

// Users as the manager names them: of one whose session is damaged, the index knows
// the app from such a name alone.
const userU, userO = "uuuuBCDEFGHIJKLMNOPQRA", "otheBCDEFGHIJKLMNOPQRA"

// The disk turns a bit while the gateway runs, or loses a record. Whatever is asked
// first, the answer is that of an absent record; the user's login works, others are
// served, and it is told once.
func TestDamageWhileOpen(t *testing.T) {
	for name, step := range map[string]func(*DB) error{
		"Get": func(d *DB) error {
			if _, _, err := d.Get(ctx, "a"); !errors.Is(err, session.ErrNotFound) || errors.Is(err, errRecord) {
				return errors.Join(errors.New("it is not absent"), err)
			}
			return nil
		},
		"Update": func(d *DB) error {
			if err := d.Update(ctx, "a", func(v []byte) ([]byte, error) { return v, nil }); !errors.Is(err, session.ErrNotFound) {
				return errors.Join(errors.New("it is not absent"), err)
			}
			return nil
		},
		"List": func(d *DB) error {
			list, err := d.List(ctx, userU)
			if len(list) != 1 || list[0].Key != "b" {
				return errors.New("it is listed, or another is not")
			}
			return err
		},
		"Delete":            func(d *DB) error { return d.Delete(ctx, "a") },
		"Create":            func(d *DB) error { return d.Create(ctx, testRecord("c", userU), 2, nil) },
		"Create in its own": func(d *DB) error { return d.Create(ctx, testRecord("a", userU), 2, nil) },
		"DeleteUser": func(d *DB) error {
			ended, err := d.DeleteUser(ctx, userU)
			if ended != 1 {
				return errors.New("others of the user were not ended")
			}
			mustCreate(t, d, "b", userU)
			return err
		},
	} {
		for how, hurt := range map[string]func(*testing.T, *DB, kind, string){"a bit": spoil, "lost": vanish} {
			for _, cached := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					d := fresh(t, Options{})
					file := d.file
					d.Close()
					d, lost := listening(t, file)
					mustCreate(t, d, "a", userU)
					mustCreate(t, d, "b", userU)
					mustCreate(t, d, "z", userO)
					hurt(t, d, kindSession, "a")
					if !cached {
						d.cache.clear()
					} else if name == "Get" {
						return // is answered without the file
					}
					lease := d.cache.get("a")
					if err := step(d); err != nil {
						t.Errorf("%s, %s, cached %v: %v", name, how, cached, err)
					}
					if lease != nil && name != "Update" && lease.lease.Live() {
						t.Errorf("%s, %s: the lease lives on", name, how)
					}
					wantValue(t, d, "b", "value")
					wantValue(t, d, "z", "value")
					if name != "Create in its own" {
						wantAbsent(t, d, "a")
					}
					if n := lost(); n != 1 {
						t.Errorf("%s, %s, cached %v: told of %d records, want 1", name, how, cached, n)
					}
					if n := held(d); n != indexed(d) {
						t.Errorf("%s, %s: %d sessions are counted, %d are there", name, how, n, indexed(d))
					}
					if how == "a bit" {
						sound(t, d)
					}
					d.Close()
					d, lost = listening(t, file)
					wantValue(t, d, "b", "value")
					if n := lost(); n != 0 {
						t.Errorf("%s, %s, cached %v: the next start told of %d records, want 0", name, how, cached, n)
					}
				})
			}
		}
	}
}

// A code must not be redeemed twice because its mark is damaged; a shared value
// begins anew.
func TestDamagedMarksAndValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fresh(t, Options{})
		d.Mark(ctx, "m", time.Now().Add(time.Minute))
		for _, key := range []string{"k", "l"} {
			d.UpdateValue(ctx, key, time.Now().Add(time.Hour), func([]byte) ([]byte, error) { return []byte("value"), nil })
			spoil(t, d, kindValue, key)
		}
		spoil(t, d, kindMark, "m")
		if first, err := d.Mark(ctx, "m", time.Now().Add(time.Hour)); first || err != nil {
			t.Errorf("Mark of a damaged mark = %v, %v, want false, nil", first, err)
		}
		if _, err := d.Value(ctx, "k"); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Value = %v, want ErrNotFound", err)
		}
		if err := d.UpdateValue(ctx, "l", time.Now().Add(time.Hour), func(old []byte) ([]byte, error) {
			if old != nil {
				t.Errorf("UpdateValue was given %q, want nothing", old)
			}
			return []byte("anew"), nil
		}); err != nil {
			t.Errorf("UpdateValue = %v, want nil", err)
		}
		if v, err := d.Value(ctx, "l"); err != nil || string(v) != "anew" {
			t.Errorf("Value = %q, %v, want anew", v, err)
		}
		time.Sleep(time.Minute)
		if first, err := d.Mark(ctx, "m", time.Now().Add(time.Minute)); !first || err != nil {
			t.Errorf("Mark when the damaged one has expired = %v, %v, want true, nil", first, err)
		}
		synctest.Wait() // the sweeper may be at it
		sound(t, d)
	})
}

// What nobody asks for leaves when it expires, and counts as nothing any more.
func TestDamagedRecordIsSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fresh(t, Options{})
		mustCreate(t, d, "a", userU)
		d.Mark(ctx, "m", time.Now().Add(time.Minute))
		spoil(t, d, kindSession, "a")
		spoil(t, d, kindMark, "m")
		time.Sleep(time.Hour + 2*sweepInterval)
		synctest.Wait()
		if n := d.index.counts; n != [3]amount{} {
			t.Errorf("counts = %v, want none", n)
		}
		mustCreate(t, d, "a", userU)
		sound(t, d)
	})
}

// A disk that takes no writes keeps a damaged session from being taken out: it is
// absent all the same.
func TestDamageOnADiskThatTakesNothing(t *testing.T) {
	d := fresh(t, Options{})
	mustCreate(t, d, "a", userU)
	spoil(t, d, kindSession, "a")
	d.cache.clear()
	d.gone.Store(true)
	for range 2 {
		wantAbsent(t, d, "a")
		if list, err := d.List(ctx, userU); err != nil || len(list) != 0 {
			t.Errorf("List = %v, %v, want nothing", list, err)
		}
	}
	if n := d.lost.Load(); n != 0 {
		t.Errorf("%d records are told to be gone, want none yet", n)
	}
	d.gone.Store(false)
	wantAbsent(t, d, "a")
	if n := d.lost.Load(); n != 1 {
		t.Errorf("%d records are told to be gone, want 1", n)
	}
}

// A bit of the file's own count makes it larger than any number: those who log in then
// are still logged in after the next start.
func TestDamagedCount(t *testing.T) {
	d := fresh(t, Options{})
	mustCreate(t, d, "a", "u")
	file := d.file
	d.Close()
	edit(t, file, func(b *bbolt.Bucket) error { return b.SetSequence(b.Sequence() | 1<<63) })
	d = opened(t, file)
	mustCreate(t, d, "b", "u")
	sound(t, d)
	d.Close()
	d = opened(t, file)
	wantValue(t, d, "a", "value")
	wantValue(t, d, "b", "value")
}
