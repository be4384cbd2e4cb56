// child.go: processes that do not outlive this one.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// patience is how long a child may take to listen, and to end by itself.
const patience = 15 * time.Second

type child struct {
	name, log string
	command   *exec.Cmd
	gone      chan struct{} // closed when it was waited for
}

// start runs a program in a directory of its own, with its output in a log there.
// Only the main goroutine may call it: see main.
func start(dir, name string, program string, args ...string) (*child, error) {
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
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	c := &child{name: name, log: log.Name(), command: exec.Command(program, args...), gone: make(chan struct{})}
	c.command.Dir = dir
	c.command.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	c.command.Stdout, c.command.Stderr = log, log
	c.command.SysProcAttr = childAttributes()
	if err := c.command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_ = c.command.Wait()
		close(c.gone)
	}()
	return c, nil
}

// listens waits until the child accepts connections.
func (c *child) listens(ctx context.Context, address string) error {
	deadline := time.After(patience)
	for {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.gone:
			return c.trouble("ended (" + c.command.ProcessState.String() + ")")
		case <-deadline:
			return c.trouble("does not listen on " + address)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// trouble is an error about the child, with what it last said.
func (c *child) trouble(what string) error {
	text, _ := os.ReadFile(c.log)
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return fmt.Errorf("%s %s; the last lines of its log:\n%s", c.name, what, bytes.Join(lines[max(0, len(lines)-8):], []byte("\n")))
}

func (c *child) signal(s syscall.Signal) { _ = c.command.Process.Signal(s) }

// crash ends the child without a word.
func (c *child) crash() {
	c.signal(syscall.SIGKILL)
	<-c.gone
}

// end ends the child: kindly, and if that takes too long, not. It reports whether
// kindness was enough.
func (c *child) end() bool {
	c.signal(syscall.SIGCONT)
	c.signal(syscall.SIGTERM)
	select {
	case <-c.gone:
		return true
	case <-time.After(patience):
	}
	c.crash()
	return false
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
