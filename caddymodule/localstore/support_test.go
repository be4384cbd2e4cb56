// support_test.go: what all tests use.

package localstore

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

var ctx = context.Background()

func testRecord(key, user string) session.Record {
	return session.Record{Key: key, User: user, Value: []byte("value"), IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
}

func mustCreate(t *testing.T, s session.Store, key, user string) {
	t.Helper()
	if err := s.Create(ctx, testRecord(key, user), 0, nil); err != nil {
		t.Fatalf("Create(%s) = %v, want nil", key, err)
	}
}

func wantAbsent(t *testing.T, s session.Store, key string) {
	t.Helper()
	if _, _, err := s.Get(ctx, key); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Get(%s) = %v, want ErrNotFound", key, err)
	}
}

func wantValue(t *testing.T, s session.Store, key, want string) *session.Lease {
	t.Helper()
	r, lease, err := s.Get(ctx, key)
	if err != nil || string(r.Value) != want {
		t.Errorf("Get(%s) = %q, %v, want %q, nil", key, r.Value, err, want)
	}
	return lease
}

// held is how many sessions a store counts over all apps, or -1.
func held(s session.Counter) int {
	counts, err := s.Count(ctx)
	if err != nil {
		return -1
	}
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}

// fresh opens a file of its own.
func fresh(t *testing.T, o Options) *DB {
	t.Helper()
	d, err := Open(filepath.Join(t.TempDir(), "sessions.db"), o)
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// sound demands that the index is what the file has, down to bbolt's pages.
func sound(t *testing.T, d *DB) {
	t.Helper()
	other := &DB{bolt: d.bolt} // reads the file anew
	if s, err := other.loadIndex(); err != nil || len(s.damaged)+len(s.older) > 0 || s.highest > 0 {
		t.Errorf("reading the file: %v, and %d damaged records, %d old ones, highest number %d", err, len(s.damaged), len(s.older), s.highest)
	}
	have, want := &d.index.table, &other.index.table
	if !maps.Equal(have.marks, want.marks) || !maps.Equal(have.owners, want.owners) {
		t.Errorf("%d marks and %d owners in the index, %d and %d in the file, or in other places", len(have.marks), len(have.owners), len(want.marks), len(want.owners))
	}
	if have.counts != want.counts || !maps.Equal(have.apps, want.apps) {
		t.Errorf("counts = %v, %v, want %v, %v", have.counts, have.apps, want.counts, want.apps)
	}
	if !maps.EqualFunc(accounts(have), accounts(want), sameAccount) {
		t.Errorf("%d users in the index, %d in the file, or with other sessions", len(have.users), len(want.users))
	}
	d.bolt.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("bbolt: %v", err)
		}
		return nil
	})
}

// accounts are all users of a table.
func accounts(t *table) map[id]account {
	all := make(map[id]account)
	for u := range t.users {
		all[u] = t.account(u)
	}
	for u := range t.more {
		if _, ok := all[u]; !ok {
			all[u] = account{} // more, but no first
		}
	}
	return all
}

func sameAccount(a, b account) bool {
	order := func(a, b spot) int { return bytes.Compare(a.id[:], b.id[:]) }
	return a.value == b.value && slices.Equal(slices.SortedFunc(slices.Values(a.sessions), order), slices.SortedFunc(slices.Values(b.sessions), order))
}

// indexed is how many sessions the index knows.
func indexed(d *DB) (n int) {
	for _, a := range accounts(&d.index.table) {
		n += len(a.sessions)
	}
	return n
}
