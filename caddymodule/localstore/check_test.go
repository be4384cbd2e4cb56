// check_test.go: no flipped bit in what holds the file together passes the check.

package localstore

import (
	"bytes"
	"errors"
	"os"
	"testing"
)

// A disk turns a bit in a meta page, a branch, or the head of a leaf. bbolt
// would undo the last logout, or leave pages in the tree that are no longer
// part of it. Bits in keys and values of leaves are for TestFlippedBits.
func TestCheckSeesEveryFlipInTheTree(t *testing.T) {
	content, _ := filled(t, 400)
	content = content[:tail(content)]
	size := os.Getpagesize()
	if _, err := checkFile(bytes.NewReader(content), size); err != nil {
		t.Fatalf("checkFile of a good file = %v, want nil", err)
	}
	st, _ := checkFile(bytes.NewReader(content), size)
	c := &checker{f: bytes.NewReader(content), pageSize: size, pages: st.pages, seen: make([]uint64, st.pages/64+1), buf: make([]byte, size)}
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
			if _, err := checkFile(bytes.NewReader(content), size); !errors.Is(err, errDamaged) && !errors.Is(err, errForeign) {
				t.Errorf("%s, page %d, byte %d, bit %d: checkFile = %v, want errDamaged", what, at/size, at%size, bit, err)
			}
			content[at] ^= 1 << bit
		}
	}
	branches := 0
	for id := range int(st.pages) {
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
		case flags(page) == flagLeaf && id%4 == 0:
			for at := range headerSize + elementSize {
				try("leaf", id*size+at)
			}
		}
	}
	if branches == 0 {
		t.Error("the file has no branch page: more sessions are needed")
	}
}
