// family_linux.go: ends with the parent, and the children with us, on Linux.

package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// childAttributes puts a child into a process group of its own, so that Ctrl-C
// reaches it through us only, and has the kernel end it if we are killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// endWithParent also ends when the parent does, or when the parent is a make
// that was interrupted alone. A SIGINT of the terminal reaches make and us; one
// that was sent to make's process number reaches make only, which then waits
// for us and no longer catches the signal: that can be seen.
func endWithParent(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	caught := catchesInterrupt(parent)
	go func() {
		defer cancel()
		for tick := time.Tick(300 * time.Millisecond); ctx.Err() == nil; <-tick {
			if os.Getppid() != parent || caught && !catchesInterrupt(parent) {
				return
			}
		}
	}()
	return ctx
}

func catchesInterrupt(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(status), "\nSigCgt:")
	digits, _, _ := strings.Cut(strings.TrimSpace(after), "\n")
	mask, _ := strconv.ParseUint(digits, 16, 64)
	return mask&(1<<(syscall.SIGINT-1)) != 0
}
