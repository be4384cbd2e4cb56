//go:build unix

// advice_test.go: whose a file is, and what to do about it.

package fileaccess

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

func TestAdvice(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	owner, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	somebody := &user.User{Uid: "4294967290", Username: "somebody"}
	for name, c := range map[string]struct {
		path string
		me   *user.User
		want []string
		not  string
	}{
		"a file of another user": {file, somebody,
			[]string{"the file " + file + " belongs to user " + owner.Username + " and has mode -rw-------", "the gateway runs as user somebody", "chown somebody"}, "chmod"},
		"a directory of another user": {filepath.Join(dir, "not", "there"), somebody,
			[]string{"the directory " + dir + " belongs to user " + owner.Username, "in a directory of that user's"}, "chown"},
		"a file of one's own": {file, owner,
			[]string{"the file " + file + " belongs to user " + owner.Username + ", as whom the gateway runs", "chmod u+rw "}, "chown"},
		"a directory of one's own": {filepath.Join(dir, "new"), owner,
			[]string{"the directory " + dir, "chmod u+rwx "}, "chown"},
		"nobody knows the user": {file, nil, []string{"the gateway runs as user unknown"}, "chmod"},
	} {
		got := advice(c.path, c.me)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q does not say %q", name, got, want)
			}
		}
		if strings.Contains(got, c.not) {
			t.Errorf("%s: %q says %q", name, got, c.not)
		}
	}
}

func TestOpenToAll(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if _, open := OpenToAll(file); open {
		t.Error("a file that is not there is open to all")
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o660: false, 0o644: true, 0o606: true, 0o602: true, 0o601: false} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if got, open := OpenToAll(file); open != want || got.Perm() != mode {
			t.Errorf("%v: OpenToAll = %v, %v, want %v", mode, got, open, want)
		}
	}
}
