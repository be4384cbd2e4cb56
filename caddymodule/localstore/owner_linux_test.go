// owner_linux_test.go: a file that the gateway's user may not have.

package localstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// asNobody runs f as a user to whom nothing belongs, as far as files are concerned.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f() // the test has taken the rights of files away, and is not above them
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		if err := syscall.Setfsuid(65534); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}

// Somebody has named a file in a directory of root's, or made the file as root. The
// operator is told whose it is, who the gateway is, and what to do.
func TestFileOfAnotherUser(t *testing.T) {
	open := func(t *testing.T) string {
		dir := t.TempDir()
		os.Chmod(filepath.Dir(dir), 0o755)
		return dir
	}
	made := func(t *testing.T) string {
		file := filepath.Join(open(t), "dir", "sessions.db")
		d, err := Open(file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
		os.Chmod(filepath.Dir(file), 0o755)
		return file
	}
	for name, tt := range map[string]struct {
		file func(t *testing.T) (file, says string)
	}{
		"a directory that cannot be entered": {func(t *testing.T) (string, string) {
			file := made(t)
			os.Chmod(filepath.Dir(file), 0o000)
			t.Cleanup(func() { os.Chmod(filepath.Dir(file), 0o700) })
			return file, "the directory " + filepath.Dir(file) + " belongs to user"
		}},
		"a directory in which nothing can be made": {func(t *testing.T) (string, string) {
			dir := open(t)
			os.Chmod(dir, 0o555)
			return filepath.Join(dir, "a", "sessions.db"), "the directory " + dir + " belongs to user"
		}},
		"a file that cannot be read": {func(t *testing.T) (string, string) {
			file := made(t)
			os.Chmod(file, 0o000)
			return file, "the file " + file + " belongs to user"
		}},
		"a file that cannot be written": {func(t *testing.T) (string, string) {
			file := made(t)
			os.Chmod(file, 0o444)
			return file, "the file " + file + " belongs to user"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			file, says := tt.file(t)
			asNobody(t, func() {
				_, err := resolve(file)
				if err == nil {
					var d *DB
					if d, err = Open(file, Options{}); err == nil {
						d.Close()
					}
				}
				if !errors.Is(err, fs.ErrPermission) {
					t.Errorf("resolve and Open = %v, want fs.ErrPermission", err)
					return
				}
				for _, want := range []string{"session file " + file, says, "the gateway runs", "chmod u+rw", "another file"} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("the error does not say %q: %v", want, err)
					}
				}
				if n := strings.Count(err.Error(), "session file"); n != 1 {
					t.Errorf("the error says %d times which file: %v", n, err)
				}
			})
		})
	}
}
