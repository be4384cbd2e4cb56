// file.go: opening the session file.

package localstore

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/localstore/internal/boltcheck"
)

// lockWait is how long another user of the file may take to let go of it: the
// last configuration of this process that is being cleaned up, say.
const lockWait = time.Second

var (
	errLocked  = errors.New("another process has it open")
	errForeign = boltcheck.ErrForeign
	errDamaged = boltcheck.ErrDamaged
	errMovedOn = errors.New("it was replaced while it was opened")
)

// resolve returns the one name of a file under which this process knows it, and
// refuses what cannot become a session file. It makes and opens nothing: a
// configuration may be validated by another user than the gateway's.
func resolve(file string) (string, error) {
	at, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	missing := "" // what is to be made
	for {
		full, err := filepath.EvalSymlinks(at)
		if err == nil {
			return filepath.Join(full, missing), becomes(full, missing)
		}
		if _, lost := os.Lstat(at); !errors.Is(err, os.ErrNotExist) || lost == nil {
			return "", explain(file, err) // no directory, or a link that leads nowhere
		}
		missing = filepath.Join(filepath.Base(at), missing)
		at = filepath.Dir(at)
	}
}

// becomes says what is wrong when there is something else where the file, or a
// directory that it needs, is to be.
func becomes(have, missing string) error {
	switch info, err := os.Stat(have); {
	case err != nil:
		return err
	case missing == "" && !info.Mode().IsRegular():
		return explain(have, errForeign)
	case missing != "" && !info.IsDir():
		return fmt.Errorf("%s is not a directory", have) // where the system did not say so before
	}
	return nil
}

// openFile opens a file that is sound, or a new one, and tells which one it is.
// It never writes to one that is not ours; one whose pages are damaged is replaced, and
// what was lost with it is told.
func openFile(file string) (*bbolt.DB, os.FileInfo, *Salvage, error) {
	if err := makeDir(filepath.Dir(file)); err != nil {
		return nil, nil, nil, explain(file, fmt.Errorf("making its directory: %w", err))
	}
	db, err := openChecked(file)
	if errors.Is(err, errMovedOn) {
		db, err = openChecked(file) // another process has compacted it, and ended
	}
	var s *Salvage
	if errors.Is(err, errDamaged) {
		var failed error
		if s, failed = salvage(file); failed == nil {
			db, err = openChecked(file)
		} else if !errors.Is(failed, errDamaged) {
			err = fmt.Errorf("%v, and it cannot be written anew: %w", err, failed) // on a full disk, say
		}
	}
	if err != nil {
		return nil, nil, nil, explain(file, err)
	}
	named, err := os.Stat(file)
	if err != nil {
		return nil, nil, nil, errors.Join(explain(file, err), db.Close())
	}
	return db, named, s, nil
}

// makeDir makes a directory and those above it, and their names durable.
func makeDir(dir string) error {
	var grown []string // what gets a new entry
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, os.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		grown = append(grown, filepath.Dir(at))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, at := range grown {
		syncDir(at)
	}
	return nil
}

func openChecked(file string) (*bbolt.DB, error) {
	var st boltcheck.State
	switch info, err := os.Stat(file); {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errForeign
	case info.Size() > 0:
		if st, err = inspect(file); err != nil {
			return nil, err
		}
	}
	db, err := openBolt(file, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	if compactable(st) {
		// without success the file stays as it was, large and good
		if small, err := compact(db, file); err == nil {
			db = small
		}
	}
	if err := prepare(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	syncDir(filepath.Dir(file))
	return db, nil
}

// inspect checks a file that is not empty, without writing to it, under a lock
// that keeps writers away.
func inspect(file string) (st boltcheck.State, err error) {
	db, err := openBolt(file, os.O_RDONLY)
	if err != nil {
		return st, err
	}
	defer db.Close()
	f, err := os.Open(file)
	if err != nil {
		return st, err
	}
	defer f.Close()
	// the structure first: bbolt would follow pages that form a ring for ever
	info, err := f.Stat()
	if err != nil {
		return st, err
	}
	if st, err = boltcheck.Check(f, info.Size(), db.Info().PageSize, ourBucket); err != nil {
		return st, err
	}
	return st, guard(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			if st.Buckets == 0 {
				return nil // made, and never used
			}
			meta := tx.Bucket(buckets[kindMeta])
			if meta == nil {
				return errForeign
			}
			said, err := unseal(kindMeta, metaFormat, meta.Get(metaFormat))
			if err != nil {
				return errForeign
			}
			if string(said) != format {
				return fmt.Errorf("%w of this version, but %q", errForeign, said)
			}
			for _, name := range buckets {
				if tx.Bucket(name) == nil {
					return errDamaged
				}
			}
			return nil
		})
	})
}

// openBolt opens a file with bbolt and makes sure that it still has its name
// once it is locked. flag is os.O_RDONLY, os.O_RDWR, or os.O_RDWR|os.O_EXCL for a
// file that is new.
func openBolt(file string, flag int) (db *bbolt.DB, err error) {
	readOnly := flag == os.O_RDONLY
	var f *os.File
	err = guard(func() error {
		db, err = bbolt.Open(file, 0o600, &bbolt.Options{
			ReadOnly: readOnly, Timeout: lockWait, NoStatistics: true,
			FreelistType: bbolt.FreelistArrayType, // its cost per commit does not depend on how scattered free pages are
			OpenFile: func(name string, bolts int, mode os.FileMode) (*os.File, error) {
				f, err = os.OpenFile(name, bolts|flag, mode)
				return f, err
			},
		})
		return err
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, errLocked
	case errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, boltcheck.ErrNewer // than the bbolt of this build
	case errors.Is(err, bolterrors.ErrInvalid):
		return nil, errForeign
	case errors.Is(err, bolterrors.ErrChecksum), err != nil && strings.Contains(err.Error(), "too small"):
		return nil, errDamaged
	case err != nil:
		if u, ok := err.(unreadable); ok && f != nil {
			return nil, errors.Join(u, f.Close()) // bbolt did not get so far; this gives back its lock
		}
		return nil, err
	}
	mine, err := f.Stat()
	if err == nil {
		var named os.FileInfo
		if named, err = os.Stat(file); err != nil || !os.SameFile(mine, named) {
			err = errMovedOn
		} else if !readOnly && mine.Mode().Perm()&0o077 != 0 {
			err = f.Chmod(0o600)
		}
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// prepare makes the buckets of a new file.
func prepare(db *bbolt.DB) error {
	return guard(func() error {
		if db.View(func(tx *bbolt.Tx) error {
			if tx.Bucket(buckets[kindMeta]) == nil {
				return errForeign
			}
			return nil
		}) == nil {
			return nil
		}
		return db.Update(func(tx *bbolt.Tx) error {
			for _, name := range buckets {
				if _, err := tx.CreateBucket(name); err != nil {
					return err
				}
			}
			id := make([]byte, 16)
			rand.Read(id)
			t := txn{view: view{tx: tx}}
			t.put(kindMeta, metaFormat, []byte(format))
			t.put(kindMeta, metaID, id)
			return t.err
		})
	})
}

// syncDir makes the name of a file durable. Where a directory cannot be synced,
// it need not be. Tests listen.
var syncDir = func(dir string) {
	if f, err := os.Open(dir); err == nil {
		f.Sync()
		f.Close()
	}
}
