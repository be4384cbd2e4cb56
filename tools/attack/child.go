// child.go: processes that do not outlive this one.

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// patience is how long a child may take to listen, and to end by itself.
const patience = 10 * time.Second

type child struct {
	name, log string
	command   *exec.Cmd
	gone      chan struct{} // closed when it was waited for
}

// start runs a program in a directory of its own, with its output in a log there.
func start(dir, name string, env []string, program string, args ...string) (*child, error) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	c := &child{name: name, log: log.Name(), command: exec.Command(program, args...), gone: make(chan struct{})}
	c.command.Dir, c.command.Env = dir, env
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
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// trouble is an error about the child, with what it last said.
func (c *child) trouble(what string) error {
	text, _ := os.ReadFile(c.log)
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return fmt.Errorf("%s %s; the last lines of its log:\n%s", c.name, what, bytes.Join(lines[max(0, len(lines)-8):], []byte("\n")))
}

// end ends the child: kindly, and if that takes too long, not.
func (c *child) end() {
	_ = c.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.gone:
		return
	case <-time.After(patience):
	}
	_ = c.command.Process.Kill()
	<-c.gone
}
