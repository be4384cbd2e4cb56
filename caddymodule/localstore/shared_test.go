// shared_test.go: a configuration that is only validated beside a gateway that
// has the file open, and requests that come before the start.

package localstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/goleak"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// Another process is the running gateway. A configuration that names its file can
// be validated, and cannot be started; when it has ended, it can.
func TestValidateBesideARunningGateway(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	file := filepath.Join(t.TempDir(), "sessions.db")
	cmd, _ := child(t, "logins", file)

	start := time.Now()
	only := validated(t, file, 0)
	cleanup(t, only)
	if _, _, err := only.Get(ctx, "a"); !errors.Is(err, errClosed) {
		t.Errorf("Get after Cleanup = %v, want errClosed", err)
	}
	if took := time.Since(start); took > lockWait/2 {
		t.Errorf("validating took %v: it waited for the other process", took)
	}
	second := validated(t, file, 0)
	defer cleanup(t, second)
	if err := second.Start(); !errors.Is(err, errLocked) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "store redis") {
		t.Errorf("Start = %v, want an error that names the file and the way out", err)
	}
	if _, _, err := second.Get(ctx, "a"); !errors.Is(err, errLocked) {
		t.Errorf("Get = %v, want errLocked", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if err := second.Start(); err != nil {
		t.Errorf("Start when the other process has ended = %v, want nil", err)
	}
	sound(t, second.db.Load())
}

// Caddy may start its server before the app: what comes then is served, all from
// one database.
func TestRequestsBeforeTheStart(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	file := filepath.Join(t.TempDir(), "sessions.db")
	before := provision(t, file, 0)
	mustCreate(t, before, "old", "u")
	cleanup(t, before)

	s := validated(t, file, 3)
	if n := held(s); n != -1 || s.db.Load() != nil {
		t.Errorf("a scrape of the metrics counts %d sessions in a file that nobody has opened", n)
	}
	var wg sync.WaitGroup
	for _, call := range []func() error{
		func() error { _, err := s.Mark(ctx, "m", time.Now().Add(time.Hour)); return err },
		func() error { return s.Create(ctx, testRecord("new", "v"), 0, nil) },
		func() error { _, _, err := s.Get(ctx, "old"); return err },
		func() error { return s.Update(ctx, "old", func(v []byte) ([]byte, error) { return v, nil }) },
		func() error { return s.Delete(ctx, "absent") },
		func() error { _, err := s.List(ctx, "u"); return err },
		func() error { _, err := s.DeleteUser(ctx, "w"); return err },
		func() error {
			return s.UpdateValue(ctx, "k", time.Now().Add(time.Hour), func([]byte) ([]byte, error) { return []byte("v"), nil })
		},
		func() error { return s.Check(ctx) },
		s.Start,
	} {
		wg.Go(func() {
			if err := call(); err != nil {
				t.Errorf("a call before the start = %v, want nil", err)
			}
		})
	}
	wg.Wait()
	if v, err := s.Value(ctx, "k"); err != nil || string(v) != "v" {
		t.Errorf("Value = %q, %v, want v, nil", v, err)
	}
	if n := held(s); n != 2 {
		t.Errorf("%d sessions, want 2", n)
	}
	mustCreate(t, s, "third", "v")
	if err := s.Create(ctx, testRecord("fourth", "v"), 0, nil); !errors.Is(err, session.ErrFull) {
		t.Errorf("Create = %v, want ErrFull: a limit that was set before the file was opened holds", err)
	}
	cleanup(t, s)
	if _, _, err := s.Get(ctx, "old"); err == nil || errors.Is(err, session.ErrNotFound) {
		t.Errorf("Get after Cleanup = %v, want an error that is no absence", err)
	}
}

// A caller that opens the file waits no longer than its context allows, and Cleanup
// leaves no one at it.
func TestGivingUpWhileOpening(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	file := filepath.Join(t.TempDir(), "sessions.db")
	cmd, _ := child(t, "logins", file)
	s := validated(t, file, 0)
	brief, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, _, err := s.Get(brief, "a"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > lockWait/2 {
		t.Errorf("Get = %v after %v, want context.DeadlineExceeded at once", err, time.Since(start))
	}
	cmd.Process.Kill() // the attempt that is under way succeeds
	cmd.Wait()
	cleanup(t, s)
	if _, _, err := s.Get(ctx, "a"); err == nil || errors.Is(err, session.ErrNotFound) {
		t.Errorf("Get after Cleanup = %v, want an error that is no absence", err)
	}
	cleanup(t, provision(t, file, 0)) // nobody has it open any more
}

// A configuration may be validated by another user than the gateway's: nothing may be
// left that only that user can write.
func TestValidatingMakesNothing(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"link": ".", "lost": "nowhere"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ file, err string }{
		{file: "sessions.db"},
		{file: "new/below/sessions.db"},
		{file: "link/new/sessions.db"},
		{file: "link", err: "not a session file"},
		{file: "plain/sessions.db", err: "not a directory"},
		{file: "plain/below/sessions.db", err: "not a directory"},
		{file: "lost", err: "no such file"},
		{file: "lost/sessions.db", err: "no such file"},
	} {
		s := &Store{File: filepath.Join(dir, tt.file)}
		err := s.Provision(caddy.Context{})
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: Provision = %v, want an error with %q", tt.file, err, tt.err)
		}
		if err == nil && strings.Contains(s.name, "link") {
			t.Errorf("%s: its name is %s", tt.file, s.name)
		}
		cleanup(t, s)
	}
	var names []string
	filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
		names = append(names, filepath.Base(path))
		return nil
	})
	if want := []string{filepath.Base(dir), "link", "lost", "plain"}; !slices.Equal(names, want) {
		t.Errorf("there are %q, want %q", names, want)
	}
}
