//go:build !linux

// family_other.go: children end with us, elsewhere than on Linux.

package child

import "syscall"

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
