// explain.go: what is wrong with a session file, and what to do about it.

package localstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/localstore/internal/boltcheck"
)

// explain says what is wrong with a file and what to do about it.
func explain(file string, err error) error {
	advice := ""
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errLocked):
		advice = ": one process a file; stop the other one, name another file, or share sessions with store redis"
	case errors.Is(err, boltcheck.ErrNewer):
		advice = "; it is left as it is: start the version of the gateway that wrote it, or a newer one"
	case errors.Is(err, errForeign):
		advice = "; it is left as it is: name another file, or move it away"
	case errors.Is(err, errDamaged):
		advice = "; it is left as it is: restore it, or move it away to start anew, then everybody logs in again"
	case errors.Is(err, fs.ErrPermission):
		me, _ := user.Current()
		advice = ": " + access(file, me)
	}
	return fmt.Errorf("session file %s: %w%s", file, err, advice)
}

// access says whose the file is, or the directory that keeps the gateway from it,
// as whom the gateway runs (me may be nil), and which right is missing.
func access(file string, me *user.User) string {
	if me == nil {
		me = &user.User{Username: "unknown"}
	}
	at := file
	info, err := os.Lstat(at)
	for err != nil && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		info, err = os.Lstat(at)
	}
	if err != nil {
		return fmt.Sprintf("the gateway runs as user %s: let it have the file, or name another file", me.Username)
	}
	what, rights := "file", "u+rw"
	if info.IsDir() {
		what, rights = "directory", "u+rwx"
	}
	id := ownerID(info)
	owner := "user " + id
	if u, err := user.LookupId(id); err == nil {
		owner = "user " + u.Username
	}
	switch id {
	case "":
		return fmt.Sprintf("the gateway runs as user %s, to whom the %s %s is closed: open it to that user, or name another file", me.Username, what, at)
	case me.Uid:
		return fmt.Sprintf("the %s %s belongs to %s, as whom the gateway runs, and has mode %v: run  chmod %s %q , or name another file", what, at, owner, info.Mode(), rights, at)
	}
	todo := fmt.Sprintf("run  chown %s %q , or name another file", me.Username, at)
	if info.IsDir() { // which may be one of the system's
		todo = "name a file in a directory of that user's"
	}
	return fmt.Sprintf("the %s %s belongs to %s and has mode %v, the gateway runs as user %s: %s", what, at, owner, info.Mode(), me.Username, todo)
}
