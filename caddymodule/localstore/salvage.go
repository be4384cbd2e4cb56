// salvage.go: a file whose pages are damaged is written anew when it is opened, with
// the records that are whole.

package localstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/localstore/internal/boltcheck"
)

// Salvage is what a file had lost whose pages were damaged when it was opened, and
// which was written anew with the rest. What could not be read is absent: nothing that
// had ended comes back.
type Salvage struct {
	// Records that were damaged, and pages that nothing led to any more or that were
	// not what they should be, each with all its records.
	Records, Pages int

	// Kept is the name of the damaged file now, empty if it was not kept: one is there
	// already, or the file system has no links.
	Kept string
}

// keptSuffix and the time follow the name of a damaged file.
const keptSuffix = ".damaged-"

// salvageBatch entries are written at once.
const salvageBatch = 1024

// salvage writes a damaged file anew. On an error the file is as it was.
func salvage(file string) (*Salvage, error) {
	size, err := pageSizeOf(file)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// keeps others away until the name is the new file's. bbolt itself would have to read
	// the list of free pages, and where that faults keeps its lock until the process ends
	for end := time.Now().Add(lockWait); ; time.Sleep(lockWait / 20) {
		if err = lock(f); err == nil || !errors.Is(err, errLocked) || time.Now().After(end) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if named, err := os.Stat(file); err != nil || !os.SameFile(info, named) {
		return nil, errMovedOn
	}
	s := new(Salvage)
	db, err := rewrite(file, ".salvage", func(db *bbolt.DB) error {
		if err := s.fill(db, f, info.Size(), size); err != nil {
			return err
		}
		s.keep(file)
		return nil
	})
	if err != nil {
		if s.Kept != "" {
			err = errors.Join(err, os.Remove(s.Kept)) // a second name of the file
		}
		return nil, err
	}
	return s, db.Close()
}

// pageSizeOf asks bbolt, which then reads the meta pages alone.
func pageSizeOf(file string) (int, error) {
	db, err := openBolt(file, os.O_RDONLY)
	if err != nil {
		return 0, err
	}
	return db.Info().PageSize, db.Close()
}

// fill writes what is whole to a new file. Numbers go on behind the highest that was
// given: a number that damage has made smaller is not believed.
func (s *Salvage) fill(db *bbolt.DB, f *os.File, size int64, pageSize int) error {
	if err := prepare(db); err != nil {
		return err
	}
	var batch []record // as they are in the file: key and value
	var highest uint64
	ours := false
	flush := func() error {
		return db.Update(func(tx *bbolt.Tx) error {
			b := view{tx: tx}.bucket(kindEntry)
			for _, r := range batch {
				if err := b.Put([]byte(r.key), r.value); err != nil {
					return err
				}
			}
			batch = batch[:0]
			return b.SetSequence(highest)
		})
	}
	lost, err := boltcheck.Salvage(f, size, pageSize, ourBucket, boltcheck.Entries{
		Whole: func(bucket, key, value []byte) bool {
			switch string(bucket) {
			case string(buckets[kindEntry]):
				r, err := recordOf(key, value)
				return err == nil && r.due.number > 0 && r.due.number <= maxNumber
			case string(buckets[kindMeta]):
				_, err := unseal(kindMeta, key, value)
				return err == nil
			}
			return true // what a check has written is of no use any more
		},
		Take: func(bucket, key, value []byte) error {
			switch string(bucket) {
			case string(buckets[kindEntry]):
				highest = max(highest, dueOf(key).number)
				batch = append(batch, record{key: string(key), value: bytes.Clone(value)})
			case string(buckets[kindMeta]):
				ours = ours || bytes.Equal(key, metaFormat) && string(value[4:]) == format
			}
			if len(batch) < salvageBatch {
				return nil
			}
			return flush()
		},
		Sequence: func(bucket []byte, n uint64) {
			if bytes.Equal(bucket, buckets[kindEntry]) && n <= maxNumber {
				highest = max(highest, n)
			}
		},
	})
	if err == nil && !ours {
		err = fmt.Errorf("%w: the name of its format is not whole", errDamaged)
	}
	if err == nil {
		err = flush()
	}
	s.Records, s.Pages = lost.Records, lost.Pages
	return err
}

// keep gives a damaged file, which is about to lose its name, another one. A link takes
// no room. One is kept, not one for each day on which a bad disk turns a bit: the
// operator has to take it away before there is another.
func (s *Salvage) keep(file string) {
	have, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		return
	}
	for _, e := range have {
		if strings.HasPrefix(e.Name(), filepath.Base(file)+keptSuffix) {
			return
		}
	}
	name := file + keptSuffix + time.Now().UTC().Format("20060102T150405Z")
	if os.Link(file, name) == nil {
		s.Kept = name
	}
}
