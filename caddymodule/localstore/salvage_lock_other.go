//go:build !unix || solaris || illumos || aix

// salvage_lock_other.go: where bbolt locks in another way, nothing is salvaged.

package localstore

import "os"

// lock refuses: a damaged file is an error at start, which says what to do.
func lock(*os.File) error { return errDamaged }
