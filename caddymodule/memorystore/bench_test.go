// bench_test.go: what a million sessions cost.

package memorystore

import (
	"crypto/rand"
	"encoding/base64"
	randv2 "math/rand/v2"
	"runtime"
	"testing"
	"time"

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
	return session.Record{Key: user + randomKey()[:11], User: user, Value: make([]byte, 150), IssuedAt: time.Now(), ExpiresAt: until}
}

func fill(b *testing.B, table *Table, until time.Time) []string {
	b.Helper()
	keys := make([]string, million)
	for i := range keys {
		r := randomRecord(until)
		keys[i] = r.Key
		if err := table.Create(ctx, r, 10, nil); err != nil {
			b.Fatal(err)
		}
	}
	return keys
}

func BenchmarkGetOfMillion(b *testing.B) {
	table := New(Limits{})
	defer table.Close()
	keys := fill(b, table, time.Now().Add(time.Hour))
	get := func(b *testing.B) {
		if _, _, err := table.Get(ctx, keys[randv2.IntN(million)]); err != nil {
			b.Error(err)
		}
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			get(b)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				get(b)
			}
		})
	})
}

func BenchmarkCreate(b *testing.B) {
	table := New(Limits{Sessions: 100 * million})
	defer table.Close()
	until := time.Now().Add(time.Hour)
	recs := make([]session.Record, 1<<16)
	for i := range recs {
		recs[i] = randomRecord(until)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r := recs[i%len(recs)]
		i++
		if err := table.Create(ctx, r, 10, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory reports the live heap per session, each of its own user.
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
		table := New(Limits{})
		for range million {
			if err := table.Create(ctx, randomRecord(time.Now().Add(time.Hour)), 10, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/million, "B/session")
		table.Close()
	}
}

// BenchmarkGetDuringSweep reports the longest Get while a million expired
// sessions are swept, how long the sweep took, and, to tell the machine's own
// pauses from ours, the longest Get of two seconds before.
func BenchmarkGetDuringSweep(b *testing.B) {
	for b.Loop() {
		table := New(Limits{Sessions: 2 * million})
		table.close() // the sweep below is the only one
		table.stop = make(chan struct{})
		live := randomRecord(time.Now().Add(time.Hour))
		if err := table.Create(ctx, live, 0, nil); err != nil {
			b.Fatal(err)
		}
		expire := time.Now().Add(30 * time.Second)
		keys := fill(b, table, expire)
		time.Sleep(time.Until(expire))

		longest := func(until <-chan time.Time, metric string) {
			var most time.Duration
			for {
				select {
				case <-until:
					b.ReportMetric(float64(most.Microseconds()), metric)
					return
				default:
					start := time.Now()
					table.Get(ctx, keys[randv2.IntN(million)])
					most = max(most, time.Since(start))
				}
			}
		}
		longest(time.After(2*time.Second), "µs/Get-before")
		swept := make(chan time.Time)
		start := time.Now()
		go func() {
			table.sweep()
			close(swept)
		}()
		longest(swept, "µs/Get-during")
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/sweep")
		if n := held(table); n != 1 {
			b.Fatalf("%d sessions are left, want 1", n)
		}
	}
}
