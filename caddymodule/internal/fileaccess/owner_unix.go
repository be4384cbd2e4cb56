//go:build unix

// owner_unix.go: whose a file is, where the system says so.

package fileaccess

import (
	"os"
	"strconv"
	"syscall"
)

// ownerID returns the numeric id of a file's owner, or nothing.
func ownerID(info os.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return strconv.FormatUint(uint64(st.Uid), 10)
}
