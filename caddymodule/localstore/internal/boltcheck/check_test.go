// check_test.go: no flipped bit in what holds the file together passes the check,
// and the format is looked at again with each bbolt.

package boltcheck

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"go.etcd.io/bbolt"
)

// known is the bbolt whose pages this package was written for.
const known = "v1.5.0"

// A new bbolt may have another file format, or use the old one in another way: read
// its internal/common (page.go, meta.go, inode.go, types.go) and freelist before
// this version is set to the new one.
func TestFormatIsThatOfTheBboltInUse(t *testing.T) {
	mod, err := os.ReadFile(filepath.FromSlash("../../../../go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	in := regexp.MustCompile(`(?m)^\s*go\.etcd\.io/bbolt\s+(\S+)`).FindSubmatch(mod)
	if in == nil || string(in[1]) != known {
		t.Errorf("go.mod takes bbolt %q, this package knows the file format of %s: compare the two", in, known)
	}
	if replaced := regexp.MustCompile(`(?m)^\s*(replace\s+)?go\.etcd\.io/bbolt.*=>`).Find(mod); replaced != nil {
		t.Errorf("go.mod replaces bbolt: %s", replaced)
	}
}

func entries(name []byte) bool { return string(name) == "entries" }

// made returns the pages in use of a file that bbolt made, with several levels.
func made(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "made.db")
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistArrayType, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	for batch := range 8 {
		if err := db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("entries"))
			if err != nil {
				return err
			}
			for i := range 50 {
				key := fmt.Appendf(nil, "%016d", i*8+batch)
				if err := b.Put(key, bytes.Repeat(key, 7)); err != nil {
					return err
				}
			}
			return b.Put([]byte("large"), make([]byte, 3*os.Getpagesize())) // extends over pages
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	st, err := check(content)
	if err != nil || st.Buckets != 1 || st.Free == 0 {
		t.Fatalf("Check of a good file = %+v, %v, want one bucket, free pages, nil", st, err)
	}
	return content[:int(st.Pages)*os.Getpagesize()]
}

func check(content []byte) (State, error) {
	return Check(bytes.NewReader(content), int64(len(content)), os.Getpagesize(), entries)
}

// A disk turns a bit in a meta page, a branch, or the head of a leaf. bbolt
// would undo the last logout, or leave pages in the tree that are no longer
// part of it. Bits in keys and values of leaves are not for this package to see.
func TestCheckSeesEveryFlipInTheTree(t *testing.T) {
	content, size := made(t), os.Getpagesize()
	st, _ := check(content)
	c := &checker{f: bytes.NewReader(content), pageSize: size, seen: make([]uint64, st.Pages/64+1), buf: make([]byte, size), State: st}
	m, err := c.meta()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.freelist(m.freelist); err != nil { // what is claimed now is free
		t.Fatal(err)
	}
	try := func(what string, at int) {
		t.Helper()
		for bit := range 8 {
			content[at] ^= 1 << bit
			if _, err := check(content); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrForeign) {
				t.Errorf("%s, page %d, byte %d, bit %d: Check = %v, want ErrDamaged", what, at/size, at%size, bit, err)
			}
			content[at] ^= 1 << bit
		}
	}
	branches := 0
	for id := range int(st.Pages) {
		page := content[id*size:]
		end := headerSize + count(page)*elementSize
		switch {
		case id < 2:
			for at := headerSize; at < headerSize+64; at++ {
				try("meta", id*size+at)
			}
		case c.seen[id/64]&(1<<(id%64)) != 0:
		case flags(page) == flagBranch:
			branches++
			for at := range end {
				try("branch", id*size+at)
			}
			last := page[end-elementSize:] // the keys lie behind the elements
			for at := end; at < end-elementSize+int(order.Uint32(last))+int(order.Uint32(last[4:])); at += 7 {
				try("branch key", id*size+at)
			}
		case flags(page) == flagLeaf && count(page) > 1: // the end of a last element is for its checksum to show
			for at := range headerSize + elementSize {
				try("leaf", id*size+at)
			}
		}
	}
	if branches == 0 {
		t.Error("the file has no branch page: more sessions are needed")
	}
}

// reformat gives a meta page another format, with a checksum that holds.
func reformat(content []byte, page int, format uint32) {
	p := content[page*os.Getpagesize()+headerSize:]
	binary.NativeEndian.PutUint32(p[4:], format)
	sum := fnv.New64a()
	sum.Write(p[:56])
	binary.NativeEndian.PutUint64(p[56:], sum.Sum64())
}

// A bbolt to come writes format 3: that is no damage, and nobody may be told to
// move the file away. One meta page alone that says so is damage.
func TestNewerFormatIsNoDamage(t *testing.T) {
	content := made(t)
	reformat(content, 0, Format+1)
	if _, err := check(content); !errors.Is(err, ErrDamaged) {
		t.Errorf("one meta page of a newer format: Check = %v, want ErrDamaged", err)
	}
	reformat(content, 1, Format+1)
	if _, err := check(content); !errors.Is(err, ErrNewer) || errors.Is(err, ErrDamaged) {
		t.Errorf("both meta pages of a newer format: Check = %v, want ErrNewer", err)
	}
}

func TestOtherBucketsAreForeign(t *testing.T) {
	content := made(t)
	theirs := func([]byte) bool { return false }
	if _, err := Check(bytes.NewReader(content), int64(len(content)), os.Getpagesize(), theirs); !errors.Is(err, ErrForeign) {
		t.Errorf("Check = %v, want ErrForeign", err)
	}
	if _, err := check(content[:len(content)-1]); !errors.Is(err, ErrDamaged) {
		t.Errorf("Check of a file that lacks its last byte = %v, want ErrDamaged", err)
	}
}
