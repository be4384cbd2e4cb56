// child.go: how the processes of a soak are started, and where they listen.

package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/caddy-wechat/caddy-wechat/tools/internal/child"
)

// start runs a program at home in a directory of its own.
// Only the main goroutine may call it: see main.
func start(dir, name string, program string, args ...string) (*child.Child, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	program, err := exec.LookPath(program)
	if err != nil {
		return nil, err
	}
	if program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	env := append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	return child.Start(dir, name, env, program, args...)
}

var handedOut sync.Map

// freeAddress is an address of 127.0.0.1 that nobody listens on, never given twice.
func freeAddress() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		l.Close()
		if _, given := handedOut.LoadOrStore(l.Addr().String(), true); !given {
			return l.Addr().String(), nil
		}
	}
	return "", errors.New("no port is free")
}
