// tree.go: the part of the check that follows branches to their leaves.

package boltcheck

import (
	"bytes"
	"hash/crc32"
	"time"
)

// tree checks a tree of pages level by level; all leaves are on the last one.
// leaf looks at each of them; where it is nil, time may be up before the last.
func (c *checker) tree(root uint64, leaf func(id uint64, page []byte) error) error {
	if err := c.claim(root); err != nil {
		return err
	}
	for level := []below{{id: root}}; ; {
		var next []below
		var last []byte
		leaves := false
		for i, ref := range level {
			if leaves && leaf == nil && time.Now().After(c.until) {
				c.cut = true
				break
			}
			page, err := c.read(ref.id)
			if err != nil {
				return err
			}
			f := flags(page)
			if i == 0 {
				leaves = f == flagLeaf
			}
			if f != flagBranch && f != flagLeaf || leaves != (f == flagLeaf) {
				return damaged(ref.id, "of an unexpected kind")
			}
			if last, err = c.elements(ref.id, page, leaves, last); err != nil {
				return err
			}
			if leaves && leaf == nil {
				if err := plain(ref.id, page); err != nil {
					return err
				}
			}
			if ref.id != root && (count(page) == 0 || ref.first != keySum(page, 0, leaves)) {
				return damaged(ref.id, "not what its branch says")
			}
			if leaves && leaf != nil {
				if err := leaf(ref.id, page); err != nil {
					return err
				}
			}
			for e := 0; !leaves && e < count(page); e++ {
				id := order.Uint64(page[headerSize+e*elementSize+8:])
				if err := c.claim(id); err != nil {
					return err
				}
				next = append(next, below{id, keySum(page, e, false)})
			}
		}
		if leaves {
			return nil
		}
		if len(next) == 0 {
			return damaged(root, "a branch without leaves")
		}
		level = next
	}
}

// below is what a branch says of a page: its number and its first key. bbolt
// changes a branch by that key, and where they differ it would leave the old
// page in the tree.
type below struct {
	id    uint64
	first uint32
}

func keySum(page []byte, e int, leaf bool) uint32 {
	at := headerSize + e*elementSize
	el := page[at:]
	if leaf {
		el = el[4:]
	}
	start := at + int(order.Uint32(el))
	return crc32.Checksum(page[start:start+int(order.Uint32(el[4:]))], castagnoli)
}

// elements checks that keys and values lie in their page one behind the other,
// as bbolt puts them, and that keys ascend, from the last one of the page before
// on; it returns its own last one.
func (c *checker) elements(id uint64, page []byte, leaf bool, last []byte) ([]byte, error) {
	n := count(page)
	if headerSize+n*elementSize > len(page) {
		return nil, damaged(id, "too many elements")
	}
	free := uint64(headerSize + n*elementSize)
	for e := range n {
		at := headerSize + e*elementSize
		el := page[at:]
		pos, ksize, vsize := uint64(order.Uint32(el)), uint64(order.Uint32(el[4:])), uint64(0)
		if leaf {
			pos, ksize, vsize = uint64(order.Uint32(el[4:])), uint64(order.Uint32(el[8:])), uint64(order.Uint32(el[12:]))
		}
		start, before := uint64(at)+pos, free
		if free = start + ksize + vsize; start != before || free > uint64(len(page)) {
			return nil, damaged(id, "an element out of its place")
		}
		key := page[start : start+ksize]
		if len(last) > 0 && bytes.Compare(last, key) >= 0 {
			return nil, damaged(id, "keys out of order")
		}
		last = append(last[:0], key...)
	}
	return last, nil
}

// plain checks that no element of a leaf claims to be a bucket: ours hold none.
func plain(id uint64, page []byte) error {
	for e := range count(page) {
		if order.Uint32(page[headerSize+e*elementSize:]) != 0 {
			return damaged(id, "a bucket within a bucket")
		}
	}
	return nil
}

// roots checks the buckets that a leaf of the uppermost tree names.
func (c *checker) roots(id uint64, page []byte) error {
	return c.eachBucket(id, page, func(b bucket) error {
		c.Buckets++
		if b.root != 0 {
			return c.tree(b.root, nil)
		}
		if flags(b.inline) != flagLeaf {
			return damaged(id, "not a bucket")
		}
		if _, err := c.elements(id, b.inline, true, nil); err != nil {
			return err
		}
		return plain(id, b.inline)
	})
}

// bucket is what the uppermost tree says of one: its root page, or where that is 0
// the only page, which lies in the leaf that names it.
type bucket struct {
	name           []byte
	root, sequence uint64
	inline         []byte
}

// eachBucket goes through a leaf of the uppermost tree whose elements were checked.
func (c *checker) eachBucket(id uint64, page []byte, f func(bucket) error) error {
	page = bytes.Clone(page)
	for e := range count(page) {
		at := headerSize + e*elementSize
		el := page[at:]
		start := at + int(order.Uint32(el[4:])) + int(order.Uint32(el[8:]))
		value := page[start : start+int(order.Uint32(el[12:]))]
		if order.Uint32(el) != 1 || len(value) < 16 {
			return damaged(id, "not a bucket")
		}
		b := bucket{page[start-int(order.Uint32(el[8:])) : start], order.Uint64(value), order.Uint64(value[8:]), value[16:]}
		if !c.ours(b.name) {
			return ErrForeign
		}
		if b.root == 0 && len(b.inline) < headerSize {
			return damaged(id, "not a bucket")
		}
		if err := f(b); err != nil {
			return err
		}
	}
	return nil
}
