// load.go: the index of a file that is opened, and what of the file is of no use.

package localstore

import (
	"fmt"

	"go.etcd.io/bbolt"
)

// stale is what a file holds beside good records.
type stale struct {
	damaged [][]byte // where records are that do not hold what was written, or no place at all
	older   [][]byte // where versions are of which there is a newer one
	highest uint64   // number of all records, where it is not the file's own count
}

// maxNumber is more than a file ever counts to. A record beyond it is not ours,
// and nothing could be numbered after it.
const maxNumber = 1 << 62

// loadBatch entries go into the index at once.
const loadBatch = 1024

// loadIndex reads everything once: some seconds for a million sessions that the
// system has to fetch from the disk. A record that is damaged is left out: its user
// logs in again. Pages that cannot be read keep the file from being opened: nobody
// could say what is missing.
func (d *DB) loadIndex() (s stale, err error) {
	d.index.table = newTable()
	err = d.read(func(v view) error {
		t := &txn{view: v, index: &d.index, delta: newChanges()}
		b := v.bucket(kindEntry)
		c := b.Cursor()
		if s.highest = b.Sequence(); s.highest > maxNumber {
			s.highest = 1 // a damaged count: what is numbered after it would be damaged at the next start
		}
		for place, value := c.First(); place != nil; place, value = c.Next() {
			r, err := recordOf(place, value)
			if err != nil || r.due.number == 0 || r.due.number > maxNumber {
				s.damaged = append(s.damaged, place) // while the file is open, nobody changes it yet
				continue
			}
			s.highest = max(s.highest, r.due.number)
			switch have, twice := t.place(r.kind, r.key); {
			case twice && have.number > r.due.number:
				s.older = append(s.older, place)
				continue
			case twice:
				before, err := v.entry(have)
				if err != nil {
					return err
				}
				s.older = append(s.older, have.append(nil))
				t.unnote(before)
			}
			t.note(r)
			if len(t.delta.users)+len(t.delta.marks) >= loadBatch {
				d.index.apply(&t.delta)
				t.delta = newChanges()
			}
		}
		d.index.apply(&t.delta)
		if s.highest == b.Sequence() {
			s.highest = 0
		}
		return nil
	})
	return s, err
}

// mend takes out what is of no use, before anybody uses the file. What is damaged
// must not be read well the next time: it may have been a session that has ended
// by then. And no number may be given twice.
func (d *DB) mend(s stale) error {
	if len(s.damaged)+len(s.older) == 0 && s.highest == 0 {
		return nil
	}
	err := guard(func() error {
		return d.bolt.Update(func(tx *bbolt.Tx) error {
			b := view{tx: tx}.bucket(kindEntry)
			for _, places := range [][][]byte{s.damaged, s.older} {
				for _, place := range places {
					if err := b.Delete(place); err != nil {
						return err
					}
				}
			}
			if s.highest == 0 {
				return nil
			}
			return b.SetSequence(s.highest)
		})
	})
	if err != nil {
		return fmt.Errorf("taking out %d damaged records: %w", len(s.damaged), err)
	}
	d.lost.Add(int64(len(s.damaged)))
	return nil
}
