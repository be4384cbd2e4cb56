// child.go: a process that does not outlive this one.

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// patience is how long a child may take to end by itself.
const patience = 5 * time.Second

type child struct {
	command *exec.Cmd
	gone    chan struct{} // closed when it was waited for
}

// start runs a program with its output in <dir>/<its name>.log. Its end, which
// nobody wants, is reported to ended.
func start(dir string, ended chan<- error, env []string, program string, args ...string) (*child, error) {
	name := filepath.Base(program)
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	c := &child{command: exec.Command(program, args...), gone: make(chan struct{})}
	c.command.Env = env
	c.command.Stdout, c.command.Stderr = log, log
	c.command.SysProcAttr = childAttributes()
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = c.command.Wait()
		close(c.gone)
		ended <- fmt.Errorf("%s ended (%s). The last lines of its log %s:\n\n%s",
			name, c.command.ProcessState, log.Name(), lastLines(log.Name(), 10))
	}()
	return c, nil
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

func lastLines(path string, n int) []byte {
	text, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-n):], []byte("\n"))
}
