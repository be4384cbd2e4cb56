// explain.go: what is wrong with a session file, and what to do about it.

package localstore

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/fileaccess"
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
	case errors.Is(err, syscall.ENOTDIR):
		advice = ": a part of the path is a file: name a file in a directory, or move that file away"
	case errors.Is(err, syscall.ENOSPC):
		advice = ": the disk is full: make room, or name a file on another one"
	case errors.Is(err, syscall.EROFS):
		advice = ": the disk is mounted to be read only: name a file on another one"
	case errors.Is(err, fs.ErrPermission):
		advice = ": " + fileaccess.Advice(file)
	}
	return fmt.Errorf("session file %s: %w%s", file, err, advice)
}
