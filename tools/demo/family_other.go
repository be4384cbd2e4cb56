//go:build !linux

// family_other.go: ends with the parent, elsewhere than on Linux.

package main

import (
	"context"
	"os"
	"syscall"
	"time"
)

// childAttributes puts a child into a process group of its own, so that Ctrl-C
// reaches it through us only.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// endWithParent also ends when the parent does.
func endWithParent(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	go func() {
		defer cancel()
		for tick := time.Tick(300 * time.Millisecond); ctx.Err() == nil; <-tick {
			if os.Getppid() != parent {
				return
			}
		}
	}()
	return ctx
}
