// compact.go: a file that is mostly free is written anew when it is opened.

package localstore

import (
	"errors"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/localstore/internal/boltcheck"
)

// A file never shrinks while it is open; bbolt uses free pages again. When it is
// opened with at least compactPages pages of which three quarters are free, what
// it holds goes into a new file, which then takes its name.
const compactPages = 16 << 10

func compactable(s boltcheck.State) bool { return s.Pages >= compactPages && s.Free >= s.Pages/4*3 }

// compact returns the new file, open, in place of the old one, which it closes.
func compact(old *bbolt.DB, file string) (*bbolt.DB, error) {
	db, err := rewrite(file, ".compact", func(db *bbolt.DB) error { return bbolt.Compact(db, old, 8<<20) })
	if err != nil {
		return nil, err
	}
	old.Close() // frees the room; nobody finds the old one any more
	return db, nil
}

// rewrite gives the name of a file, which the caller has locked, to a new one that
// fill has filled, and returns that, open. At every moment one of them has the name,
// whole and locked: a crash leaves the one or the other, and perhaps a piece of the
// new one that the next try removes.
func rewrite(file, suffix string, fill func(db *bbolt.DB) error) (*bbolt.DB, error) {
	name := file + suffix
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	db, err := openNew(name)
	if err != nil {
		return nil, err
	}
	db.NoSync = true
	err = guard(func() error { return fill(db) })
	if err == nil {
		db.NoSync = false
		err = db.Sync()
	}
	if err == nil {
		err = os.Rename(name, file)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close(), os.Remove(name))
	}
	syncDir(filepath.Dir(file))
	return db, nil
}

// openNew makes a file that is not there. In a directory to which others may write,
// somebody can put a link in its place at any moment: with O_EXCL that is an error
// (open(2): then a symbolic link is not followed, wherever it leads), and decides
// neither where the sessions go nor what is overwritten.
func openNew(name string) (*bbolt.DB, error) { return openBolt(name, os.O_RDWR|os.O_EXCL) }
