// salvage.go: what can be read of a file whose pages are damaged.

package boltcheck

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Salvaged is what Salvage could not read. Both may be too low where the damage hides
// how much there was.
type Salvaged struct {
	Records int // that are not whole, on pages that were read
	Pages   int // that nothing led to, or that were left out
}

// Entries is what the caller knows of entries, and does with them. What the
// functions are given is over when they return.
type Entries struct {
	// Whole tells by the entry alone, a checksum say, whether it is what was written.
	Whole func(bucket, key, value []byte) bool

	// Take is given each whole entry, in no order; its error ends it all.
	Take func(bucket, key, value []byte) error

	// Sequence is given that of each bucket, before its entries. It may be damaged.
	Sequence func(bucket []byte, n uint64)
}

// Salvage reads the whole entries of a file that Check has called damaged. It reads
// none but those of the newest tree. Free pages hold whole entries, too, those that
// were deleted or changed long ago, and one wrong bit in a branch leads there, to a
// page with the same first key: so a page is left out when the list of free pages has
// it, or another branch, when it is not where its header says, and when it does not
// begin as its branch says, unless its own first entry is what is damaged. Where that
// list is damaged itself, no page may be missing.
//
// It is an error, as with Check, when a meta page, the list of buckets, or the root of
// one cannot be read.
func Salvage(f io.ReaderAt, size int64, pageSize int, ours func(bucket []byte) bool, e Entries) (Salvaged, error) {
	c, m, err := begin(f, size, pageSize, ours)
	if err != nil {
		return Salvaged{}, err
	}
	s := &salvager{checker: c, Entries: e, extends: map[uint64]bool{}}
	if s.blind = c.freelist(m.freelist); errors.Is(s.blind, ErrForeign) {
		return Salvaged{}, s.blind
	}
	if s.blind != nil {
		clear(c.seen)
	}
	if err := c.claim(m.root); err != nil {
		return Salvaged{}, err
	}
	page, err := c.read(m.root)
	if err != nil {
		return Salvaged{}, err
	}
	if flags(page) != flagLeaf {
		return Salvaged{}, damaged(m.root, "not the list of buckets")
	}
	if _, err := c.elements(m.root, page, true, nil); err != nil {
		return Salvaged{}, err
	}
	err = c.eachBucket(m.root, page, s.bucket)
	if s.blind == nil {
		_, s.lost.Pages = c.unowned()
		for id := range s.extends {
			if !c.owned(id) {
				s.lost.Pages--
			}
		}
	}
	return s.lost, err
}

type salvager struct {
	*checker
	Entries
	lost  Salvaged
	blind error // why the list of free pages is of no use

	// extends has the pages that leaves extend over. They are not claimed: a wrong bit
	// in their number must not cost others their pages.
	extends map[uint64]bool
}

func (s *salvager) bucket(b bucket) error {
	s.Sequence(b.name, b.sequence)
	if b.root == 0 {
		return s.leaf(b.name, b.inline)
	}
	good, err := s.node(b.name, b.root, nil, 0)
	if err == nil && !good {
		err = damaged(b.root, "the root of a bucket")
	}
	return err
}

// maxDepth is more than a tree has levels, maxOverflow than a leaf of ours extends over.
const maxDepth, maxOverflow = 16, 256

// node takes what a page and those below it hold, if the page is to be trusted.
// first is its first key as its branch has it; a root has none.
func (s *salvager) node(name []byte, id uint64, first []byte, depth int) (good bool, err error) {
	if id < 2 || id >= s.Pages || s.owned(id) || depth > maxDepth {
		return false, nil
	}
	page, err := s.load(id)
	if err != nil {
		return false, err
	}
	leaf := flags(page)&flagLeaf != 0
	if leaf == (flags(page)&flagBranch != 0) {
		return false, nil
	}
	key, value, _ := element(page, 0, leaf)
	here := order.Uint64(page) == id
	switch {
	case leaf && (!here || depth > 0 && !bytes.Equal(key, first) && s.Whole(name, key, value)):
		return false, nil
	case !leaf && s.blind != nil && (!here || depth > 0 && !bytes.Equal(key, first)):
		return false, nil
	case !leaf && depth > 0 && !near(key, first): // one byte may be what is damaged: what is below is looked at in turn
		return false, nil
	}
	if err := s.claim(id); err != nil {
		return false, err
	}
	if leaf {
		for next := id + 1; next < id+uint64(len(page)/s.pageSize); next++ {
			s.extends[next] = true
		}
		return true, s.leaf(name, page)
	}
	for e := range elementsOf(page, false) {
		key, _, _ := element(page, e, false)
		good, err := s.node(name, order.Uint64(page[headerSize+e*elementSize+8:]), key, depth+1)
		if err != nil {
			return false, err
		}
		if !good && s.blind != nil {
			return false, s.blind
		}
	}
	return true, nil
}

// load reads a page that nobody owns yet, and those that it extends over.
func (s *salvager) load(id uint64) ([]byte, error) {
	page := make([]byte, s.pageSize)
	if _, err := s.f.ReadAt(page, int64(id)*int64(s.pageSize)); err != nil {
		return nil, fmt.Errorf("reading page %d: %w", id, err)
	}
	more := uint64(order.Uint32(page[12:]))
	if more == 0 || more > maxOverflow || more >= s.Pages-id {
		return page, nil
	}
	page = make([]byte, (more+1)*uint64(s.pageSize))
	_, err := s.f.ReadAt(page, int64(id)*int64(s.pageSize))
	return page, err
}

// leaf takes what is whole of a leaf.
func (s *salvager) leaf(name, page []byte) error {
	found := 0
	for e := range elementsOf(page, true) {
		key, value, ok := element(page, e, true)
		if !ok || !s.Whole(name, key, value) {
			continue
		}
		if err := s.Take(name, key, value); err != nil {
			return err
		}
		found++
	}
	s.lost.Records += missing(page, true, found)
	return nil
}

// element returns what an element of a page says is its own.
func element(page []byte, e int, leaf bool) (key, value []byte, ok bool) {
	at := uint64(headerSize + e*elementSize)
	if at+elementSize > uint64(len(page)) {
		return nil, nil, false
	}
	el, vsize := page[at:], uint64(0)
	if leaf {
		el, vsize = el[4:], uint64(order.Uint32(el[12:]))
	}
	start := at + uint64(order.Uint32(el))
	mid := start + uint64(order.Uint32(el[4:]))
	if mid+vsize > uint64(len(page)) {
		return nil, nil, false
	}
	return page[start:mid], page[mid : mid+vsize], true
}

// began is how many elements a page has by the place of the first one's key, which
// lies behind them all.
func began(page []byte, leaf bool) int {
	if len(page) < headerSize+elementSize {
		return 0
	}
	el := page[headerSize:]
	if leaf {
		el = el[4:]
	}
	return int(order.Uint32(el) / elementSize)
}

// elementsOf is how many elements a page has at most, where one of the two that tell
// may be wrong. What is no element is not whole.
func elementsOf(page []byte, leaf bool) int {
	return min(max(count(page), began(page, leaf)), (len(page)-headerSize)/elementSize)
}

// missing is how many elements a page has beside those that were found.
func missing(page []byte, leaf bool, found int) int {
	a, b := count(page), began(page, leaf)
	if a > b {
		a, b = b, a
	}
	if a < found {
		a = b
	}
	return max(a-found, 0)
}

// near tells whether a and b differ in no more than one byte.
func near(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	differ := 0
	for i := range a {
		if a[i] != b[i] {
			differ++
		}
	}
	return differ <= 1
}
