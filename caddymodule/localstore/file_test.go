// file_test.go: files that are not ours, cut short, or damaged.

package localstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	randv2 "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/localstore/internal/boltcheck"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// filled makes a file with sessions of several pages, and returns its content.
func filled(t *testing.T, sessions int) (content []byte, recs map[string]session.Record) {
	t.Helper()
	file, keys := prepared(t, sessions, time.Now().Add(time.Hour))
	d := opened(t, file)
	recs = map[string]session.Record{}
	for i, key := range keys {
		if i%3 == 0 {
			if err := d.Update(ctx, key, func([]byte) ([]byte, error) { return []byte("value of " + key), nil }); err != nil {
				t.Fatal(err)
			}
		}
		r, _, err := d.Get(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		recs[key] = r
	}
	d.Close()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content, recs
}

func TestForeignFileIsRefusedAndKept(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other.db")
	b, err := bbolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Update(func(tx *bbolt.Tx) error {
		bucket, _ := tx.CreateBucket([]byte("theirs"))
		nested, _ := bucket.CreateBucket([]byte("nested"))
		return nested.Put([]byte("key"), []byte("something else"))
	})
	b.Close()
	bolt, _ := os.ReadFile(other)
	later := filepath.Join(dir, "later.db")
	b, err = bbolt.Open(later, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Update(func(tx *bbolt.Tx) error {
		bucket, _ := tx.CreateBucket(buckets[kindMeta])
		return bucket.Put(metaFormat, sealed(kindMeta, metaFormat, []byte("caddy-wechat sessions 999")))
	})
	b.Close()
	version2, _ := os.ReadFile(later)
	ours, _ := filled(t, 100)

	for _, tt := range []struct {
		name    string
		content []byte
		want    error
	}{
		{"text", []byte("api.example.com {\n\twechat_auth\n}\n"), errForeign},
		{"long text", bytes.Repeat([]byte("not a database "), 10_000), errForeign},
		{"zeros", make([]byte, 1<<16), errForeign},
		{"another bbolt file", bolt, errForeign},
		{"a file of a later version", version2, errForeign},
		{"the head of ours", ours[:100], errForeign},
		{"the first page of ours", ours[:os.Getpagesize()], errDamaged},
		{"the metas of ours", ours[:2*os.Getpagesize()], errDamaged},
		{"half of ours", ours[:len(ours)/2], errDamaged},
		{"the last half alone", ours[len(ours)/2:], errForeign},
		{"all but a byte", ours[:tail(ours)-1], errDamaged},
	} {
		file := filepath.Join(dir, "sessions.db")
		if err := os.WriteFile(file, tt.content, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Open(file, Options{})
		if err == nil {
			d.Close()
		}
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("%s: Open = %v, want %v, the file's name, and what to do", tt.name, err, tt.want)
		}
		if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, tt.content) {
			t.Errorf("%s: the file was changed, %v", tt.name, err)
		}
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, errForeign) {
		t.Errorf("Open of a directory = %v, want errForeign", err)
	}
}

// A gateway with a newer bbolt has written the file, and was rolled back: the file is
// good, and the operator is not told to move it away.
func TestFileOfANewerBbolt(t *testing.T) {
	ours, _ := filled(t, 100)
	for page := range 2 {
		p := ours[page*os.Getpagesize()+16:]
		binary.NativeEndian.PutUint32(p[4:], boltcheck.Format+1)
		sum := fnv.New64a()
		sum.Write(p[:56])
		binary.NativeEndian.PutUint64(p[56:], sum.Sum64())
	}
	file := filepath.Join(t.TempDir(), "sessions.db")
	if err := os.WriteFile(file, ours, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(file, Options{})
	if !errors.Is(err, boltcheck.ErrNewer) || strings.Contains(err.Error(), "move it") || !strings.Contains(err.Error(), "version of the gateway") {
		t.Errorf("Open = %v, want ErrNewer, what to do, and not to move it away", err)
	}
	if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, ours) {
		t.Errorf("the file was changed, %v", err)
	}
}

// tail is where the pages in use end; bbolt's files are longer than that.
func tail(content []byte) int {
	st, err := boltcheck.Check(bytes.NewReader(content), int64(len(content)), os.Getpagesize(), ourBucket)
	if err != nil {
		panic(err)
	}
	return int(st.Pages) * os.Getpagesize()
}

func TestNewAndEmptyFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a", "b", "sessions.db")
	name, err := resolve(file)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d, err := Open(name, Options{})
		if err != nil {
			t.Fatalf("Open = %v, want nil", err)
		}
		mustCreate(t, d, "a", "u")
		d.Close()
	}
	for path, want := range map[string]os.FileMode{name: 0o600, filepath.Dir(name): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v, want %v", path, info.Mode().Perm(), err, want)
		}
	}
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	os.Chmod(name, 0o644)
	d := opened(t, name)
	wantAbsent(t, d, "a")
	if info, _ := os.Stat(name); info.Mode().Perm() != 0o600 {
		t.Errorf("an empty file has mode %v, want 0600", info.Mode().Perm())
	}
}

// The power is cut after the first login: the directories that were made for the
// file must be there again.
func TestNamesOfNewDirectoriesAreSynced(t *testing.T) {
	dir := t.TempDir()
	var synced []string
	sync := syncDir
	syncDir = func(dir string) { synced = append(synced, dir); sync(dir) }
	defer func() { syncDir = sync }()
	file := filepath.Join(dir, "a", "b", "sessions.db")
	for _, want := range [][]string{
		{filepath.Join(dir, "a"), dir, filepath.Dir(file)},
		{filepath.Dir(file)},
	} {
		synced = nil
		d, err := Open(file, Options{})
		if err != nil {
			t.Fatalf("Open = %v, want nil", err)
		}
		d.Close()
		if !slices.Equal(synced, want) {
			t.Errorf("synced: %v, want %v", synced, want)
		}
	}
}

// A relative name stays what it was when the process changes its directory.
func TestRelativeName(t *testing.T) {
	t.Chdir(t.TempDir())
	d, err := Open("sessions.db", Options{})
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	defer d.Close()
	t.Chdir(t.TempDir())
	if err := d.Check(ctx); err != nil {
		t.Errorf("Check = %v, want nil", err)
	}
	mustCreate(t, d, "a", "u")
}

// A disk turns a bit, anywhere. Whatever the store then does, it must not panic, log
// somebody in as another, or end more than the one session that has the bit, or
// those of its page.
func TestFlippedBits(t *testing.T) {
	content, recs := filled(t, 400)
	file := filepath.Join(t.TempDir(), "sessions.db")
	end := time.Now().Add(4 * time.Second)
	if testing.Short() {
		end = time.Now().Add(time.Second)
	}
	used := tail(content)
	pages, most := pagesOf(t, content), largestLeaf(t, content)
	tries, refused, errs := 0, 0, 0
	for ; time.Now().Before(end); tries++ {
		at, bit := randv2.IntN(used), byte(1)<<randv2.IntN(8)
		if tries%3 == 0 { // the heads of pages more often
			at = at/os.Getpagesize()*os.Getpagesize() + randv2.IntN(200)
		}
		spoilt := bytes.Clone(content[:used])
		spoilt[at] ^= bit
		if err := os.WriteFile(file, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Open(file, Options{})
		if err != nil {
			refused++
			if !errors.Is(err, errDamaged) && !errors.Is(err, errForeign) {
				t.Errorf("byte %d, bit %08b: Open = %v, want errDamaged or errForeign", at, bit, err)
			}
			continue
		}
		d.bolt.NoSync = true
		lost := 1
		if salvagedFile(t, file) != "" {
			lost = most
		}
		if pages[at/os.Getpagesize()].root {
			lost = len(recs) // it leads to some leaf, say
		}
		errs += probe(t, d, recs, fmt.Sprintf("byte %d, bit %08b", at, bit), lost)
		d.Close()
	}
	t.Logf("%d flips, %d files refused, %d answers were errors", tries, refused, errs)
}

// probe asks for everything, then writes here and there.
func probe(t *testing.T, d *DB, recs map[string]session.Record, where string, most int) (errs int) {
	absent := 0
	for key, want := range recs {
		got, _, err := d.Get(ctx, key)
		list, listErr := d.List(ctx, want.User)
		switch {
		case errors.Is(err, session.ErrNotFound):
			absent++
			if listErr != nil || len(list) != 0 {
				t.Errorf("%s: List = %v, %v, want nothing, as Get said", where, list, listErr)
			}
			next := want
			next.Key = randomKey()
			if err := d.Create(ctx, next, 1, nil); err != nil {
				t.Errorf("%s: the user whose session is gone cannot log in: %v", where, err)
			}
		case err != nil:
			errs++
			if !errors.Is(err, errDamaged) {
				t.Errorf("%s: Get = %v, want errDamaged", where, err)
			}
		case got.Key != key || got.User != want.User || !bytes.Equal(got.Value, want.Value) || !got.ExpiresAt.Equal(want.ExpiresAt):
			t.Errorf("%s: Get(%s) = %v, want %v", where, key, got, want)
		case listErr == nil && (len(list) != 1 || list[0].Key != key):
			t.Errorf("%s: List = %v, want %s", where, list, key)
		}
	}
	if absent > most {
		t.Errorf("%s: %d sessions are gone, want at most %d", where, absent, most)
	}
	n := 0
	for key, want := range recs {
		d.Mark(ctx, key, time.Now().Add(time.Hour))
		d.UpdateValue(ctx, want.User, want.ExpiresAt, func(old []byte) ([]byte, error) { return append(old, 1), nil })
		next := want
		next.Key = randomKey()
		if err := d.Create(ctx, next, 1, nil); err == nil {
			if _, _, err := d.Get(ctx, key); err == nil {
				t.Errorf("%s: a session that was pushed out is still there", where)
			}
		}
		if ended, err := d.DeleteUser(ctx, want.User); err == nil && ended == 0 {
			t.Errorf("%s: DeleteUser found nothing to end", where)
		}
		if n++; n == 20 {
			break
		}
	}
	return errs
}
