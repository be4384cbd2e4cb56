// index_test.go: the index and the file, and reads that meet a commit.

package localstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

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

// Users with none, one and many sessions, under keys of now and of before, come and go:
// the index is that of the file, and of the same file when it is opened again.
func TestIndexFollowsTheFile(t *testing.T) {
	d := fresh(t, Options{})
	d.bolt.NoSync = true
	rnd := rand.New(rand.NewPCG(1, 2))
	var live []string
	for i := range 600 {
		user := fmt.Sprintf("app_BCDEFGHIJKLMNOP%02dA", rnd.IntN(20))
		key := fmt.Sprintf("%ss%010d", user, i)
		if i%3 == 0 {
			key = fmt.Sprintf("ABCDEFGHIJKLMNOPQR%03dA", i) // of before
		}
		r := session.Record{Key: key, User: user, Value: []byte("v"), IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Duration(1+rnd.IntN(1000)) * time.Hour)}
		value := func([]byte) ([]byte, error) { return fmt.Append(nil, i), nil }
		switch rnd.IntN(10) {
		case 0:
			value = func([]byte) ([]byte, error) { return nil, nil }
		case 1:
			value = nil
		case 2:
			if _, err := d.DeleteUser(ctx, user); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Create(ctx, r, 4, value); err != nil {
			t.Fatal(err)
		}
		live = append(live, key)
		if n := rnd.IntN(len(live)); rnd.IntN(2) == 0 {
			if err := d.Delete(ctx, live[n]); err != nil {
				t.Fatal(err)
			}
			wantAbsent(t, d, live[n])
		}
		wantListed(t, d, user)
	}
	sound(t, d)
	if len(d.index.more) == 0 || len(d.index.owners) == 0 || len(d.index.owners) == indexed(d) {
		t.Errorf("of %d sessions %d are of before, %d users have several: not what this test is for", indexed(d), len(d.index.owners), len(d.index.more))
	}
	sessions := indexed(d)
	d.Close()
	d = opened(t, d.file)
	sound(t, d)
	if n := indexed(d); n != sessions {
		t.Errorf("%d sessions after the file was opened again, want %d", n, sessions)
	}
	for u := range 20 {
		user := fmt.Sprintf("app_BCDEFGHIJKLMNOP%02dA", u)
		wantListed(t, d, user)
		if _, err := d.DeleteUser(ctx, user); err != nil {
			t.Fatal(err)
		}
	}
	if n := indexed(d) + len(d.index.owners) + len(d.index.more); n != 0 {
		t.Errorf("%d sessions, their owners and lists are left, want 0", n)
	}
}

// wantListed demands that each session that List has is found by its key.
func wantListed(t *testing.T, d *DB, user string) {
	t.Helper()
	list, err := d.List(ctx, user)
	if err != nil {
		t.Fatal(err)
	}
	d.cache.clear()
	for _, r := range list {
		if got, _, err := d.Get(ctx, r.Key); err != nil || got.User != user {
			t.Errorf("Get(%s) = %+v, %v", r.Key, got, err)
		}
	}
}

// Readers look into the index and then into the file, while what they look for
// moves and goes: it is never damage, and never lost.
func TestReadsThatMeetCommits(t *testing.T) {
	d := fresh(t, Options{})
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
	again(func() { d.Create(ctx, testRecord("comes", "u"), 0, nil); d.Delete(ctx, "comes") })
	again(func() { d.Create(ctx, testRecord("moves", "u"), 0, nil) })
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
	d := fresh(t, Options{})
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
