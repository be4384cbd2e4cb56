// index_test.go: the index and the file, and reads that meet a commit.

package localstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
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
