// check.go: is the structure of a file sound? Asked before bbolt, which takes it
// for granted, follows it.

package localstore

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"time"
)

// checkTime bounds the check of leaf pages, of which a large file has many: it
// must not keep the gateway from starting. The tree above them is always checked,
// and what is in them when the index is loaded.
const checkTime = time.Second

// state is what a check found out.
type state struct {
	pages, free uint64
	buckets     int
}

// The parts of bbolt's format that matter here: 16 bytes of page header (id,
// flags, count, overflow), then elements of 16 bytes.
const (
	headerSize, elementSize = 16, 16

	flagBranch, flagLeaf, flagFreelist = 0x01, 0x02, 0x10

	boltMagic, boltVersion = 0xED0CDAED, 2
)

var order = binary.NativeEndian // as bbolt has it

type checker struct {
	f        io.ReaderAt
	pageSize int
	pages    uint64   // the file's pages are below this number
	seen     []uint64 // one bit for each page that something refers to
	buf      []byte   // a page, until the next is read
	until    time.Time
	state
}

func damaged(page uint64, what string) error {
	return fmt.Errorf("%w: page %d: %s", errDamaged, page, what)
}

// checkFile reads the tree of pages and the list of free ones: each page has one
// owner, is what its owner takes it for, and lies within the file.
func checkFile(f interface {
	io.ReaderAt
	io.Seeker
}, pageSize int) (state, error) {
	c := &checker{f: f, pageSize: pageSize, buf: make([]byte, pageSize), until: time.Now().Add(checkTime)}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return c.state, err
	}
	m, err := c.meta()
	if err != nil {
		return c.state, err
	}
	c.pages, c.state.pages = m.pages, m.pages
	if m.pages > uint64(size)/uint64(pageSize) {
		return c.state, fmt.Errorf("%w: it is cut short", errDamaged)
	}
	c.seen = make([]uint64, m.pages/64+1)
	if err := c.freelist(m.freelist); err != nil {
		return c.state, err
	}
	return c.state, c.tree(m.root, c.roots)
}

type boltMeta struct{ root, freelist, pages, txid uint64 }

// meta returns the newer of the two meta pages. Both must be intact: bbolt would
// do with the older one, and so undo a logout.
func (c *checker) meta() (newest boltMeta, err error) {
	b := make([]byte, headerSize+64)
	for i := range int64(2) {
		if _, err := c.f.ReadAt(b, i*int64(c.pageSize)); err != nil {
			return newest, fmt.Errorf("%w: it is cut short", errDamaged)
		}
		p := b[headerSize:]
		sum := fnv.New64a()
		sum.Write(p[:56])
		if order.Uint32(p) != boltMagic || order.Uint32(p[4:]) != boltVersion ||
			int(order.Uint32(p[8:])) != c.pageSize || order.Uint64(p[56:]) != sum.Sum64() {
			return newest, damaged(uint64(i), "meta page")
		}
		m := boltMeta{root: order.Uint64(p[16:]), freelist: order.Uint64(p[32:]), pages: order.Uint64(p[40:]), txid: order.Uint64(p[48:])}
		if i == 0 || m.txid > newest.txid {
			newest = m
		}
	}
	return newest, nil
}

// claim notes that a page has an owner.
func (c *checker) claim(id uint64) error {
	switch {
	case id < 2 || id >= c.pages:
		return damaged(id, "not within the file")
	case c.seen[id/64]&(1<<(id%64)) != 0:
		return damaged(id, "two owners")
	}
	c.seen[id/64] |= 1 << (id % 64)
	return nil
}

// read returns a page that was claimed, until the next call, and claims those it
// extends over.
func (c *checker) read(id uint64) ([]byte, error) {
	b := c.buf
	if _, err := c.f.ReadAt(b, int64(id)*int64(c.pageSize)); err != nil {
		return nil, fmt.Errorf("reading page %d: %w", id, err)
	}
	if order.Uint64(b) != id {
		return nil, damaged(id, "another page in its place")
	}
	more := uint64(order.Uint32(b[12:]))
	if more == 0 {
		return b, nil
	}
	if more >= c.pages-id {
		return nil, damaged(id, "longer than the file")
	}
	for next := id + 1; next <= id+more; next++ {
		if err := c.claim(next); err != nil {
			return nil, err
		}
	}
	b = make([]byte, (more+1)*uint64(c.pageSize))
	_, err := c.f.ReadAt(b, int64(id)*int64(c.pageSize))
	return b, err
}

func flags(page []byte) uint16 { return order.Uint16(page[8:]) }
func count(page []byte) int    { return int(order.Uint16(page[10:])) }

func (c *checker) freelist(id uint64) error {
	if id == 1<<64-1 {
		return errForeign // we always keep one
	}
	if err := c.claim(id); err != nil {
		return err
	}
	page, err := c.read(id)
	if err != nil {
		return err
	}
	n, ids := uint64(count(page)), page[headerSize:]
	if n == 0xFFFF {
		n, ids = order.Uint64(ids), ids[8:]
	}
	if flags(page) != flagFreelist || n > uint64(len(ids))/8 {
		return damaged(id, "free list")
	}
	for i := range n {
		if err := c.claim(order.Uint64(ids[8*i:])); err != nil {
			return err
		}
	}
	c.free = n
	return nil
}
