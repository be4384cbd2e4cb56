// Package child runs processes that do not outlive this one: the gateways,
// simulators and servers of the tools beside it.
package child

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
const patience = 15 * time.Second

// Child is a process that was started, with its output in a log.
type Child struct {
	Name string
	Log  string        // the file
	Gone chan struct{} // closed when it was waited for

	command *exec.Cmd
}

// Start runs a program in a directory that exists, and adds to the log there.
func Start(dir, name string, env []string, program string, args ...string) (*Child, error) {
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	c := &Child{Name: name, Log: log.Name(), Gone: make(chan struct{}), command: exec.Command(program, args...)}
	c.command.Dir, c.command.Env = dir, env
	c.command.Stdout, c.command.Stderr = log, log
	c.command.SysProcAttr = attributes()
	if err := c.command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_ = c.command.Wait()
		close(c.Gone)
	}()
	return c, nil
}

// PID is the process number.
func (c *Child) PID() int { return c.command.Process.Pid }

// Listens waits until the child accepts connections.
func (c *Child) Listens(ctx context.Context, address string) error {
	deadline := time.After(patience)
	for {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.Gone:
			return c.Trouble("ended (" + c.command.ProcessState.String() + ")")
		case <-deadline:
			return c.Trouble("does not listen on " + address)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Trouble is an error about the child, with what it last said.
func (c *Child) Trouble(what string) error {
	text, _ := os.ReadFile(c.Log)
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return fmt.Errorf("%s %s; the last lines of its log:\n%s", c.Name, what, bytes.Join(lines[max(0, len(lines)-8):], []byte("\n")))
}

// Signal sends the child a signal, if it still runs.
func (c *Child) Signal(s syscall.Signal) { _ = c.command.Process.Signal(s) }

// Crash ends the child without a word.
func (c *Child) Crash() {
	c.Signal(syscall.SIGKILL)
	<-c.Gone
}

// End ends the child: kindly, and if that takes too long, not. It reports whether
// kindness was enough.
func (c *Child) End() bool {
	c.Signal(syscall.SIGCONT) // one that was stopped hears nothing else
	c.Signal(syscall.SIGTERM)
	select {
	case <-c.Gone:
		return true
	case <-time.After(patience):
	}
	c.Crash()
	return false
}
