// health.go: can the file be written and read now?

package localstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// probeKey names what a check writes, over what the one before wrote.
var probeKey = []byte("probe")

var errGone = errors.New("it was removed or replaced while it is in use: nothing is written until it is back in its place; or restart the gateway, and everybody logs in again")

// checkName looks whether the file still has its name. What is written to one that
// has none is lost when it is closed: so it is not acknowledged until the same
// file has the name again.
func (d *DB) checkName() error {
	switch now, err := os.Stat(d.file); {
	case errors.Is(err, os.ErrNotExist), err == nil && !os.SameFile(now, d.named):
		d.gone.Store(true)
		return explain(d.file, errGone)
	case err != nil:
		return explain(d.file, err)
	}
	d.gone.Store(false)
	return nil
}

// Check implements session.Checker. It proves that the file still has its name,
// and that a write as large as the largest session can be was taken by the disk,
// synced, and read again: a full disk shows before small writes fail. A database at
// one of its limits, in which a new user finds no room, is session.ErrFull. It says
// nothing about records that were written earlier.
func (d *DB) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.checkName(); err != nil {
		return err
	}
	probe := make([]byte, maxValue)
	rand.Read(probe) // a file system that compresses must find room for it, too
	if err := d.write(ctx, func(t *txn) error {
		t.put(kindProbe, probeKey, probe)
		for _, k := range []kind{kindSession, kindMark, kindValue} {
			if t.reclaim(k, 1, bytesPerEntry); !t.room(k, 1, bytesPerEntry) {
				return fmt.Errorf("%w: wait until sessions expire, or raise max_sessions", session.ErrFull)
			}
		}
		return nil
	}); err != nil {
		return explain(d.file, err)
	}
	return explain(d.file, d.read(func(v view) error {
		if _, err := unseal(kindProbe, probeKey, v.bucket(kindProbe).Get(probeKey)); err != nil {
			return fmt.Errorf("reading what was just written: %w", err)
		}
		return nil
	}))
}
