// advice.go: what to do when the gateway may not use a file.

// Package fileaccess promises to say in one sentence why a file is closed to this
// process, and to whom it is open. It changes nothing, and reads nothing but names,
// owners and modes.
package fileaccess

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
)

// Advice is for an error that is fs.ErrPermission: whose the file is, or the directory
// that keeps the gateway from it, as whom the gateway runs, and what to do.
func Advice(file string) string {
	me, _ := user.Current()
	return advice(file, me)
}

// advice is Advice for a user, who may be nil.
func advice(file string, me *user.User) string {
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

// OpenToAll reports whether every user of the machine may read or write a file, and
// its mode. Where modes tell nothing (Windows), or nothing can be learned, it is false.
func OpenToAll(file string) (mode os.FileMode, open bool) {
	info, err := os.Stat(file)
	if err != nil || ownerID(info) == "" {
		return 0, false
	}
	return info.Mode(), info.Mode().Perm()&0o006 != 0
}
