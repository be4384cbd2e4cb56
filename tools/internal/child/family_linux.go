// family_linux.go: children end with us, on Linux.

package child

import "syscall"

// attributes: a process group of its own, so that Ctrl-C is ours to pass
// on, and a signal if this process dies without a word.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
