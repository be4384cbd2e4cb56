//go:build !linux

// family_other.go: children end with us, elsewhere than on Linux.

package main

import "syscall"

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
