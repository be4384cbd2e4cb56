// marks.go: the rules about marks of redeemed codes.

package sessiontest

import (
	"sync/atomic"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func markChecks() []check {
	return []check{
		{"Mark is true for the first call only", func(t tb, e env) {
			wantMark(t, e.store, name("m", 1), later(), true)
			wantMark(t, e.store, name("m", 1), later(), false)
			wantMark(t, e.store, name("m", 1), later().Add(time.Hour), false)
			wantMark(t, e.store, name("m", 2), later(), true)
		}},
		{"Mark is true for exactly one of 200 calls at once", func(t tb, e env) {
			for round := range 5 {
				if n := markTogether(t, 200, name("m", round), e.store); n != 1 {
					t.Errorf("round %d: %d calls were the first, want 1", round, n)
				}
			}
		}},
		{"Mark is forgotten at its time and not before", func(t tb, e env) {
			until := soon()
			wantMark(t, e.store, name("m", 1), until, true)
			wantMark(t, e.store, name("m", 1), later(), false)
			e.expire(until)
			wantMark(t, e.store, name("m", 1), later(), true)
			wantMark(t, e.store, name("m", 1), later(), false)
		}},
		{"Mark keeps its first expiry when it is asked again", func(t tb, e env) {
			until := soon()
			wantMark(t, e.store, name("m", 1), until, true)
			wantMark(t, e.store, name("m", 1), later(), false)
			e.expire(until)
			wantMark(t, e.store, name("m", 1), later(), true)
		}},
		{"Mark with a past expiry sets nothing, least of all for ever", func(t tb, e env) {
			for i, until := range []time.Time{past(), time.Now(), time.Unix(0, 0)} {
				wantMark(t, e.store, name("m", i), until, false)
				wantMark(t, e.store, name("m", i), later(), true)
			}
		}},
		{"Mark with a past expiry takes no mark away", func(t tb, e env) {
			wantMark(t, e.store, name("m", 1), later(), true)
			wantMark(t, e.store, name("m", 1), past(), false)
			wantMark(t, e.store, name("m", 1), later(), false)
		}},
		{"Mark tells keys apart by every character and by case", func(t tb, e env) {
			for _, key := range alphabetKeys() {
				wantMark(t, e.store, key, later(), true)
			}
			for _, key := range alphabetKeys() {
				wantMark(t, e.store, key, later(), false)
			}
		}},
		{"marks, records and values under one key are three things", func(t tb, e env) {
			r := e.rec(1, 1)
			wantMark(t, e.store, r.Key, later(), true)
			wantAbsent(t, e.store, r.Key, "only a mark was set")
			create(t, e.store, r, 0)
			if err := e.store.UpdateValue(ctx, r.Key, later(), set("value")); err != nil {
				t.Fatalf("UpdateValue = %v, want nil", err)
			}
			got, _ := get(t, e.store, r.Key)
			wantRecord(t, got, r)
			if err := e.store.Delete(ctx, r.Key); err != nil {
				t.Errorf("Delete = %v, want nil", err)
			}
			wantMark(t, e.store, r.Key, later(), false)
			wantValue(t, e.store, r.Key, "value")
		}},
	}
}

func wantMark(t tb, s session.Store, key string, until time.Time, want bool) {
	t.Helper()
	first, err := s.Mark(ctx, key, until)
	if err != nil {
		t.Fatalf("Mark(%q) = %v, want nil", key, err)
	}
	if first != want {
		t.Errorf("Mark(%q) = %v, want %v", key, first, want)
	}
}

// markTogether marks a key from many goroutines, over the stores in turn, and
// tells how many were first.
func markTogether(t tb, n int, key string, stores ...session.Store) int {
	var firsts atomic.Int32
	until := later()
	together(n, func(i int) {
		first, err := stores[i%len(stores)].Mark(ctx, key, until)
		if err != nil {
			t.Errorf("Mark = %v, want nil", err)
		}
		if first {
			firsts.Add(1)
		}
	})
	return int(firsts.Load())
}

// alphabetKeys are keys that differ in one character or in case only.
func alphabetKeys() (keys []string) {
	const alphabet = "ABCXYZabcxyz0189-_"
	for i := range alphabet {
		c := alphabet[i : i+1]
		keys = append(keys, c+"---------------------", "---------------------"[:21]+c, "__________"+c+"___________")
	}
	// "-" and "_" alone made some twice
	seen := map[string]bool{}
	unique := keys[:0]
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			unique = append(unique, k)
		}
	}
	return unique
}
