// check.go: is the structure of a file sound? Asked before bbolt, which takes it
// for granted, follows it.

// Package boltcheck reads the pages of a bbolt file and tells whether they make
// one sound tree: bbolt itself follows pages that form a ring for ever, and where
// the newer meta page is damaged it takes the older one, which would undo a logout.
//
// It knows bbolt's file format, which is bbolt's own affair: so the format is known
// in this package and nowhere else, a test asks for another look when go.mod takes
// another bbolt, and a file of a later format is ErrNewer, never damage.
//
// It writes nothing, repairs nothing, and says nothing about what the entries hold.
// Where they can be told from damage by themselves, Salvage reads the good ones of a
// file that Check has refused.
package boltcheck

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
	"time"
)

var (
	// ErrDamaged means that pages are not what bbolt wrote.
	ErrDamaged = errors.New("its pages are damaged")

	// ErrForeign means a sound file of somebody else's.
	ErrForeign = errors.New("it is not a session file")

	// ErrNewer means that both meta pages name another file format than the one
	// known here. The file may be perfectly good.
	ErrNewer = fmt.Errorf("it was written by a newer bbolt, in a file format other than %d", Format)
)

// CheckTime bounds the check of leaf pages, of which a large file has many: it
// must not keep the gateway from starting. The tree above them is always checked.
const CheckTime = time.Second

// Format is the version of bbolt's file format that this package reads.
const Format = 2

// State is what a check found out.
type State struct {
	Pages, Free uint64 // in the file, and how many of them may be written again
	Buckets     int
}

// The parts of bbolt's format that matter here: 16 bytes of page header (id,
// flags, count, overflow), then elements of 16 bytes.
const (
	headerSize, elementSize = 16, 16

	flagBranch, flagLeaf, flagFreelist = 0x01, 0x02, 0x10

	boltMagic = 0xED0CDAED
)

var (
	order      = binary.NativeEndian // as bbolt has it
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

type checker struct {
	f        io.ReaderAt
	pageSize int
	seen     []uint64 // one bit for each page that something refers to
	buf      []byte   // a page, until the next is read
	until    time.Time
	cut      bool // time was up before the last leaf
	ours     func(bucket []byte) bool
	State
}

func damaged(page uint64, what string) error {
	return fmt.Errorf("%w: page %d: %s", ErrDamaged, page, what)
}

// Check reads the tree of pages and the list of free ones: each page has one
// owner, is what its owner takes it for, and lies within the file. All buckets are
// of the uppermost level, hold no others, and have names that ours accepts.
//
// Errors wrap ErrDamaged, ErrForeign or ErrNewer, or are those of reading.
func Check(f io.ReaderAt, size int64, pageSize int, ours func(bucket []byte) bool) (State, error) {
	c, m, err := begin(f, size, pageSize, ours)
	if err != nil {
		return c.State, err
	}
	if err := c.freelist(m.freelist); err != nil {
		return c.State, err
	}
	if err := c.tree(m.root, c.roots); err != nil {
		return c.State, err
	}
	if id, n := c.unowned(); n > 0 && !c.cut {
		return c.State, damaged(id, "nothing leads to it")
	}
	return c.State, nil
}

// unowned returns the first page without an owner, and how many there are.
func (c *checker) unowned() (first uint64, n int) {
	for id := c.Pages - 1; id >= 2; id-- {
		if !c.owned(id) {
			first, n = id, n+1
		}
	}
	return first, n
}

func begin(f io.ReaderAt, size int64, pageSize int, ours func(bucket []byte) bool) (*checker, boltMeta, error) {
	c := &checker{f: f, pageSize: pageSize, buf: make([]byte, pageSize), until: time.Now().Add(CheckTime), ours: ours}
	m, err := c.meta()
	if err != nil {
		return c, m, err
	}
	c.Pages = m.pages
	if m.pages > uint64(size)/uint64(pageSize) {
		return c, m, fmt.Errorf("%w: it is cut short", ErrDamaged)
	}
	c.seen = make([]uint64, m.pages/64+1)
	return c, m, nil
}

// meta returns the newer of the two meta pages. Both must be intact: bbolt would
// do with the older one, and so undo a logout.
func (c *checker) meta() (newest boltMeta, err error) {
	var metas [2]boltMeta
	for i := range metas {
		b := make([]byte, headerSize+64)
		if _, err := c.f.ReadAt(b, int64(i)*int64(c.pageSize)); err != nil {
			return newest, fmt.Errorf("%w: it is cut short", ErrDamaged)
		}
		metas[i] = metaOf(b[headerSize:], c.pageSize)
	}
	if v := metas[0].format; v != Format && v == metas[1].format && metas[0].marked && metas[1].marked {
		return newest, fmt.Errorf("%w: %d", ErrNewer, v)
	}
	for i, m := range metas {
		if !m.marked || !m.whole || m.format != Format {
			return newest, damaged(uint64(i), "meta page")
		}
		if i == 0 || m.txid > newest.txid {
			newest = m
		}
	}
	return newest, nil
}

// boltMeta is a meta page: marked as bbolt's, and whole by its checksum.
type boltMeta struct {
	marked, whole               bool
	format                      uint32
	root, freelist, pages, txid uint64
}

func metaOf(p []byte, pageSize int) boltMeta {
	sum := fnv.New64a()
	sum.Write(p[:56])
	return boltMeta{
		marked: order.Uint32(p) == boltMagic,
		format: order.Uint32(p[4:]),
		whole:  int(order.Uint32(p[8:])) == pageSize && order.Uint64(p[56:]) == sum.Sum64(),
		root:   order.Uint64(p[16:]), freelist: order.Uint64(p[32:]), pages: order.Uint64(p[40:]), txid: order.Uint64(p[48:]),
	}
}

// claim notes that a page has an owner.
func (c *checker) claim(id uint64) error {
	switch {
	case id < 2 || id >= c.Pages:
		return damaged(id, "not within the file")
	case c.owned(id):
		return damaged(id, "two owners")
	}
	c.seen[id/64] |= 1 << (id % 64)
	return nil
}

func (c *checker) owned(id uint64) bool { return c.seen[id/64]&(1<<(id%64)) != 0 }

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
	if more >= c.Pages-id {
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
		return ErrForeign // we always keep one
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
	last := uint64(0)
	for i := range n {
		next := order.Uint64(ids[8*i:])
		if next <= last {
			return damaged(id, "free list out of order")
		}
		if err := c.claim(next); err != nil {
			return err
		}
		last = next
	}
	c.Free = n
	return nil
}
