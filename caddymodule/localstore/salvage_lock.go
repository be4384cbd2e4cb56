//go:build unix && !solaris && !illumos && !aix

// salvage_lock.go: the lock that bbolt has on a file, without bbolt.

package localstore

import (
	"errors"
	"os"
	"syscall"
)

// lock locks a file for this process alone, until it is closed, as bbolt does here; if
// somebody else has it, that is errLocked.
func lock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}
