// apps.go: how many sessions each app has.

package localstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"sync"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// metaApp begins the names under which the meta bucket counts the sessions of an
// app; its tag follows. There are as many as there are mini programs.
const metaApp = "app "

// appCounts is how many sessions each app has, by session.AppTag, as of the last
// commit. The writer changes it.
type appCounts struct {
	mu sync.Mutex
	of map[string]int64
}

func (a *appCounts) set(of map[string]int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of = of
}

func (a *appCounts) add(more map[string]int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for tag, n := range more {
		if a.of[tag] += n; a.of[tag] == 0 {
			delete(a.of, tag)
		}
	}
}

// Count implements session.Counter. It costs no read of the file: the counts are
// kept in it and in memory, in step with each commit. What has expired counts
// until it is swept, some seconds later; nobody can tell any more of whose app a
// record was that the disk has damaged, so that one may count for ever.
func (d *DB) Count(ctx context.Context) (map[string]int, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-d.stopped:
		return nil, errClosed
	default:
	}
	d.apps.mu.Lock()
	defer d.apps.mu.Unlock()
	counts := make(map[string]int, len(d.apps.of))
	for tag, n := range d.apps.of {
		counts[tag] = int(n)
	}
	return counts, nil
}

// apps reads the counts of all apps. All of the bucket must be intact: a name
// that the disk has damaged may have been that of an app.
func (v view) apps() (map[string]int64, error) {
	of := make(map[string]int64)
	return of, v.bucket(kindMeta).ForEach(func(name, value []byte) error {
		payload, err := unseal(kindMeta, name, value)
		if err != nil {
			return err
		}
		if tag, ok := bytes.CutPrefix(name, []byte(metaApp)); ok {
			if of[string(tag)], err = appCount(payload); err != nil {
				return err
			}
		}
		return nil
	})
}

func appCount(payload []byte) (int64, error) {
	if len(payload) != 8 {
		return 0, errDamaged
	}
	return int64(binary.BigEndian.Uint64(payload)), nil
}

// countApp notes that an app has so many sessions more.
func (t *txn) countApp(user string, n int64) {
	if t.apps == nil {
		t.apps = make(map[string]int64)
	}
	t.apps[session.AppTagOf(user)] += n
}

// putApps writes the counts of the apps that have changed.
func (t *txn) putApps() {
	maps.DeleteFunc(t.apps, func(_ string, n int64) bool { return n == 0 })
	for tag, more := range t.apps {
		name := []byte(metaApp + tag)
		var n int64
		payload, err := t.find(kindMeta, name)
		if err == nil {
			n, err = appCount(payload)
		}
		switch {
		case err != nil && !errors.Is(err, session.ErrNotFound):
			t.fail(err)
		case n+more == 0:
			t.drop(kindMeta, name)
		default:
			t.put(kindMeta, name, binary.BigEndian.AppendUint64(nil, uint64(n+more)))
		}
	}
}
