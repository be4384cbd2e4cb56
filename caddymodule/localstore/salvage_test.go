// salvage_test.go: damaged pages cost the sessions on them, never the start, and no
// session that has ended comes back.

package localstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	randv2 "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// withEnded makes a file that holds sessions, and on its free pages whole records of
// sessions that have ended.
func withEnded(t *testing.T) (content []byte, live, ended map[string]session.Record) {
	t.Helper()
	content, live = filled(t, 300)
	file := filepath.Join(t.TempDir(), "sessions.db")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	d := opened(t, file)
	ended = map[string]session.Record{}
	for key, r := range live {
		if len(ended) == 100 {
			break
		}
		if err := d.Delete(ctx, key); err != nil {
			t.Fatal(err)
		}
		delete(live, key)
		ended[key] = r
	}
	d.Close()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content[:tail(content)], live, ended
}

// page is one of a good file, by bbolt.
type page struct {
	ID, Count     int
	Type          string
	root, entries bool // the list of buckets; the root of all entries
}

func pagesOf(t *testing.T, content []byte) (pages []page) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sessions.db")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := bbolt.Open(file, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistArrayType, ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	b.View(func(tx *bbolt.Tx) error {
		for id := 0; ; id++ {
			info, err := tx.Page(id)
			if err != nil || info == nil {
				return err
			}
			pages = append(pages, page{info.ID, info.Count, info.Type, id == int(tx.Cursor().Bucket().Root()), id == int(tx.Bucket(buckets[kindEntry]).Root())})
		}
	})
	return pages
}

func largestLeaf(t *testing.T, content []byte) (most int) {
	for _, p := range pagesOf(t, content) {
		if p.Type == "leaf" {
			most = max(most, p.Count)
		}
	}
	return most
}

// salvagedFile returns the name of the damaged file that was kept, and takes it away.
func salvagedFile(t *testing.T, file string) string {
	t.Helper()
	kept, _ := filepath.Glob(file + keptSuffix + "*")
	if len(kept) == 0 {
		return ""
	}
	if err := os.Remove(kept[0]); err != nil || len(kept) > 1 {
		t.Fatalf("%d damaged files were kept, %v, want one", len(kept), err)
	}
	return kept[0]
}

// afterDamage opens a damaged file and demands that no more than most sessions are
// gone, that those whose session is gone can log in, and that nothing has come back.
func afterDamage(t *testing.T, content []byte, live, ended map[string]session.Record, where string, most int) (lost int, salvaged bool, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sessions.db")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Open(file, Options{})
	if err != nil {
		if now, _ := os.ReadFile(file); !bytes.Equal(now, content) {
			t.Errorf("%s: the file that was refused has changed", where)
		}
		return 0, false, err
	}
	d.bolt.NoSync = true
	defer d.Close()
	for key := range ended {
		if _, _, err := d.Get(ctx, key); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("%s: a session that had ended is back, or Get = %v", where, err)
		}
	}
	for key, want := range live {
		switch got, _, err := d.Get(ctx, key); {
		case errors.Is(err, session.ErrNotFound):
			lost++
			next := want
			next.Key = randomKey()
			if err := d.Create(ctx, next, 1, nil); err != nil {
				t.Errorf("%s: the user whose session is gone cannot log in: %v", where, err)
			}
		case err != nil || got.User != want.User || !bytes.Equal(got.Value, want.Value):
			t.Errorf("%s: Get(%s) = %v, %v, want %v", where, key, got, err, want)
		}
	}
	if lost > most {
		t.Errorf("%s: %d sessions are gone, want at most %d", where, lost, most)
	}
	if kept := salvagedFile(t, file); kept != "" {
		salvaged = true
		sound(t, d)
	}
	return lost, salvaged, nil
}

// A byte is damaged, each of the file in turn or a sample of them. What cannot be done
// without is a meta page, the list of buckets and of free pages, and the kind of the
// page that is the root of all entries: some hundred bytes, however large the file is.
func TestDamagedBytes(t *testing.T) {
	content, live, ended := withEnded(t)
	pages, most := pagesOf(t, content), largestLeaf(t, content)
	end := time.Now().Add(6 * time.Second)
	if testing.Short() {
		end = time.Now().Add(2 * time.Second)
	}
	var tries, refused, salvages int
	for _, at := range randv2.Perm(len(content)) {
		if time.Now().After(end) {
			break
		}
		p := pages[at/os.Getpagesize()]
		in := at % os.Getpagesize()
		if p.Type == "free" || content[at] == 0 && in > 1000 && in%8 != 0 {
			continue
		}
		tries++
		where := fmt.Sprintf("page %d (%s), byte %d", p.ID, p.Type, in)
		spoilt := bytes.Clone(content)
		spoilt[at] ^= byte(1 + randv2.IntN(255))
		_, salvaged, err := afterDamage(t, spoilt, live, ended, where, most)
		switch {
		case err != nil && p.Type != "meta" && p.Type != "freelist" && !p.root && !(p.entries && in < 16):
			t.Errorf("%s: Open = %v, want nil", where, err)
		case err != nil:
			refused++
		case salvaged:
			salvages++
		}
	}
	t.Logf("%d bytes of %d, %d files refused, %d written anew; %d sessions on the fullest page", tries, len(content), refused, salvages, most)
	if salvages == 0 {
		t.Error("no damage had the file written anew")
	}
}

// A wrong bit in a branch leads to a free page, whose records are whole, and of
// sessions that have ended.
func TestBranchThatLeadsToFreePages(t *testing.T) {
	content, live, ended := withEnded(t)
	pages, most := pagesOf(t, content), largestLeaf(t, content)
	size, rises, end := os.Getpagesize(), 0, time.Now().Add(3*time.Second)
	for _, p := range pages {
		if p.Type != "branch" {
			continue
		}
		for _, e := range randv2.Perm(p.Count) {
			at := p.ID*size + 16 + 16*e + 8
			old := binary.NativeEndian.Uint64(content[at:])
			for bit := range 8 {
				to := old ^ 1<<bit
				if to >= uint64(len(pages)) || pages[to].Type != "free" || time.Now().After(end) {
					continue // to others see TestDamagedBytes
				}
				rises++
				binary.NativeEndian.PutUint64(content[at:], to)
				if _, _, err := afterDamage(t, content, live, ended, fmt.Sprintf("branch %d to page %d, not %d", p.ID, to, old), most); err != nil {
					t.Errorf("branch %d to page %d, not %d: Open = %v, want nil", p.ID, to, old, err)
				}
			}
			binary.NativeEndian.PutUint64(content[at:], old)
		}
	}
	if rises == 0 {
		t.Error("no bit leads to a free page: the test says nothing")
	}
}

// The operator is told what was lost, once, and finds the damaged file; of a second
// one only that it was not kept. Permissions are the gateway's own.
func TestSalvageIsTold(t *testing.T) {
	content, live, _ := withEnded(t)
	file := filepath.Join(t.TempDir(), "sessions.db")
	for _, p := range pagesOf(t, content) {
		if p.Type == "leaf" && p.Count > 2 && !p.root {
			// the second key is behind the third
			el := content[p.ID*os.Getpagesize()+32:]
			el[binary.NativeEndian.Uint32(el[4:])] ^= 0x80
			break
		}
	}
	told := make(chan Salvage, 2)
	for i := range 2 {
		if err := os.WriteFile(file, content, 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := Open(file, Options{Salvaged: func(s Salvage) { told <- s }})
		if err != nil {
			t.Fatalf("Open = %v, want nil", err)
		}
		s := <-told
		if s.Records != 1 || s.Pages != 0 || (s.Kept != "") != (i == 0) {
			t.Errorf("told %+v, want one record, and the file kept the first time", s)
		}
		if i == 0 {
			if have, err := os.ReadFile(s.Kept); err != nil || !bytes.Equal(have, content) {
				t.Errorf("the damaged file was kept as %q, %v, want what it was", s.Kept, err)
			}
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the new file: %v, %v, want mode 0600", info.Mode(), err)
		}
		if n := held(d); n < len(live)-1 { // the record may be one of the shared values
			t.Errorf("%d sessions, want no less than %d", n, len(live)-1)
		}
		d.Close()
		d = opened(t, file)
		d.Close()
	}
	if len(told) > 0 {
		t.Error("the next start told of it again")
	}
	have, _ := os.ReadDir(filepath.Dir(file))
	for _, e := range have {
		if strings.HasSuffix(e.Name(), ".salvage") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}
