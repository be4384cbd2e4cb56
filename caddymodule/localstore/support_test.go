// support_test.go: what all tests use.

package localstore

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
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
	if err := s.Create(ctx, testRecord(key, user), 0); err != nil {
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
func fresh(t *testing.T, l Limits) *DB {
	t.Helper()
	d, err := Open(filepath.Join(t.TempDir(), "sessions.db"), l)
	if err != nil {
		t.Fatalf("Open = %v, want nil", err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// sound demands that entries, indexes and counts agree, down to bbolt's pages.
func sound(t *testing.T, d *DB) {
	t.Helper()
	err := d.bolt.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("bbolt: %v", err)
		}
		v := view{tx}
		var have counts
		users, entries, apps := 0, 0, map[string]int64{}
		for k := range buckets {
			if err := v.bucket(k).ForEach(func(key, value []byte) error {
				payload, err := unseal(k, key, value)
				if err != nil {
					return err
				}
				var at due
				switch k {
				case kindSession:
					r, err := recordOf(payload)
					if err != nil {
						return err
					}
					if v.bucket(kindUser).Get(userKey(r.user, r.issued, string(key))) == nil {
						t.Errorf("session %s is not among those of its user", key)
					}
					users++
					apps[session.AppTagOf(r.user)]++
					at, payload = r.due, r.value
				case kindMark, kindValue:
					s, err := smallOf(payload)
					if err != nil {
						return err
					}
					at, payload = s.due, s.value
				default:
					return nil
				}
				entries++
				have.of(k).entries++
				have.of(k).bytes += int64(len(payload))
				what, err := unseal(kindDue, at.append(nil), v.bucket(kindDue).Get(at.append(nil)))
				if err != nil || string(what) != string(k)+string(key) {
					t.Errorf("%c %s is due as %q, %v", k, key, what, err)
				}
				return nil
			}); err != nil {
				return err
			}
		}
		if n := v.bucket(kindUser).Stats().KeyN; n != users {
			t.Errorf("%d sessions are listed by user, want %d", n, users)
		}
		if n := v.bucket(kindDue).Stats().KeyN; n != entries {
			t.Errorf("%d entries are due, want %d", n, entries)
		}
		inFile, err := v.apps()
		if err != nil || !maps.Equal(inFile, apps) || !maps.Equal(d.apps.of, apps) {
			t.Errorf("sessions by app: %v, %v in the file, %v in memory, want %v", inFile, err, d.apps.of, apps)
		}
		said, err := v.counts()
		if said != have || *d.counts.Load() != have {
			t.Errorf("counts = %v in the file, %v in memory, want %v", said, *d.counts.Load(), have)
		}
		return err
	})
	if err != nil {
		t.Errorf("reading the file: %v", err)
	}
}
