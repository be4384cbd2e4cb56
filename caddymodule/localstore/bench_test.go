// bench_test.go: logins, reads, starting, and memory.

package localstore

import (
	"crypto/rand"
	"encoding/base64"
	randv2 "math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/memorystore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

const million = 1_000_000

func randomKey() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func randomRecord(until time.Time) session.Record {
	user := "app_" + randomKey()[4:] // one app has them all
	return session.Record{Key: user + randomKey()[:11], User: user, Value: make([]byte, 200), IssuedAt: time.Now(), ExpiresAt: until}
}

func userOf(key string) string { return key[:userLen] }

// login is what session.Manager writes for one.
func login(tb testing.TB, s session.Store, r session.Record) {
	if first, err := s.Mark(ctx, randomKey(), time.Now().Add(10*time.Minute)); err != nil || !first {
		tb.Errorf("Mark = %v, %v, want true, nil", first, err)
	}
	if err := s.UpdateValue(ctx, r.User, r.ExpiresAt, func([]byte) ([]byte, error) { return make([]byte, 80), nil }); err != nil {
		tb.Errorf("UpdateValue = %v, want nil", err)
	}
	if err := s.Create(ctx, r, 1, nil); err != nil {
		tb.Errorf("Create = %v, want nil", err)
	}
}

// prepared makes a file with so many sessions, each with its user's keys.
func prepared(tb testing.TB, n int, until time.Time) (file string, keys []string) {
	tb.Helper()
	file = filepath.Join(tb.TempDir(), "sessions.db")
	d, err := Open(file, Options{Sessions: 2 * million})
	if err != nil {
		tb.Fatal(err)
	}
	defer d.Close()
	d.bolt.NoSync, d.bolt.NoGrowSync = true, true
	for len(keys) < n {
		err := d.bolt.Update(func(tx *bbolt.Tx) error {
			tr := d.newTxn()
			tr.view = view{tx: tx}
			for range min(20_000, n-len(keys)) {
				r := randomRecord(until)
				at := due{at: stamp(until)}
				tr.add(record{kind: kindValue, due: at, key: r.User, value: make([]byte, 80)})
				tr.add(record{kind: kindSession, due: at, issued: stamp(r.IssuedAt), key: r.Key, user: r.User, value: r.Value})
				keys = append(keys, r.Key)
			}
			d.index.apply(&tr.delta)
			return tr.err
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := d.bolt.Sync(); err != nil {
		tb.Fatal(err)
	}
	return file, keys
}

func opened(tb testing.TB, file string) *DB {
	tb.Helper()
	d, err := Open(file, Options{Sessions: 2 * million})
	if err != nil {
		tb.Fatalf("Open = %v, want nil", err)
	}
	tb.Cleanup(func() { d.Close() })
	return d
}

// BenchmarkLogin reports logins per second of 64 clients at once: into an empty
// file, into one with a million sessions, and of those million users again, each
// of whom gives up the session and the keys of before.
func BenchmarkLogin(b *testing.B) {
	for _, size := range []struct {
		name  string
		n     int
		again bool
	}{{"empty", 0, false}, {"million", million, false}, {"returning", million, true}} {
		b.Run(size.name, func(b *testing.B) {
			until := time.Now().Add(24 * time.Hour)
			file, keys := prepared(b, size.n, until)
			d := opened(b, file)
			var slowest atomic.Int64
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						start := time.Now()
						r := randomRecord(time.Now().Truncate(time.Second).Add(24 * time.Hour))
						if size.again {
							r.User = userOf(keys[randv2.IntN(len(keys))])
							r.Key = r.User + randomKey()[:11]
						}
						login(b, d, r)
						took := int64(time.Since(start))
						for have := slowest.Load(); took > have && !slowest.CompareAndSwap(have, took); have = slowest.Load() {
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "logins/s")
			b.ReportMetric(float64(slowest.Load())/1e6, "ms/slowest")
		})
	}
}

// BenchmarkGet compares reads of cached sessions with those of the memory
// store, and with reads from the file.
func BenchmarkGet(b *testing.B) {
	until := time.Now().Add(24 * time.Hour)
	file, keys := prepared(b, million, until)
	d := opened(b, file)
	hot := keys[:50_000]
	table := memorystore.New(memorystore.Limits{})
	defer table.Close()
	for _, key := range hot {
		r := randomRecord(until)
		r.Key, r.User = key, userOf(key)
		if err := table.Create(ctx, r, 10, nil); err != nil {
			b.Fatal(err)
		}
	}
	run := func(name string, s session.Store, keys []string) {
		b.Run(name, func(b *testing.B) {
			for _, key := range keys[:min(len(keys), len(hot))] {
				s.Get(ctx, key)
			}
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, _, err := s.Get(ctx, keys[randv2.IntN(len(keys))]); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
	run("memory", table, hot)
	run("warm", d, hot)
	run("cold", d, keys[len(hot):])
}

// BenchmarkOpen reports the time to start with a million sessions on disk.
func BenchmarkOpen(b *testing.B) {
	file, keys := prepared(b, million, time.Now().Add(24*time.Hour))
	info, err := os.Stat(file)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		d, err := Open(file, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := d.Get(ctx, keys[0]); err != nil || held(d) != million {
			b.Fatalf("Get = %v, %d sessions", err, held(d))
		}
		d.Close()
	}
	b.ReportMetric(float64(info.Size())/million, "B-on-disk/session")
}

// BenchmarkMemory reports the live heap per cached session, and per session with
// its user's keys in the index.
func BenchmarkMemory(b *testing.B) {
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		c := newCache()
		const n = cacheEntries / 2
		for range n {
			r := randomRecord(time.Now())
			c.change(r.Key, newEntry(record{key: r.Key, user: r.User, value: r.Value}))
		}
		b.ReportMetric(float64(heap()-before)/n, "B/cached")
		runtime.KeepAlive(c)

		before = heap()
		x := index{table: newTable()}
		for range million {
			r := randomRecord(time.Now())
			t := txn{index: &x, delta: newChanges()}
			t.note(record{kind: kindSession, due: due{number: 1}, key: r.Key, user: r.User})
			t.note(record{kind: kindValue, due: due{number: 1}, key: r.User})
			x.apply(&t.delta)
		}
		b.ReportMetric(float64(heap()-before)/million, "B/indexed")
		runtime.KeepAlive(&x)
	}
}
