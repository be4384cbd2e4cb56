// limits_test.go: a full table refuses, gives nothing up, and recovers.

package memorystore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// A flood of logins fills the table. Users who are logged in stay so.
func TestFullTableThrowsNobodyOut(t *testing.T) {
	table := New(Limits{Sessions: 10})
	defer table.Close()
	for i := range 10 {
		mustCreate(t, table, fmt.Sprint("s", i), fmt.Sprint("u", i))
	}
	_, lease, _ := table.Get(ctx, key("s0", "u0"))
	for i := range 100 {
		if err := table.Create(ctx, testRecord(fmt.Sprint("x", i), fmt.Sprint("x", i)), 1, nil); !errors.Is(err, session.ErrFull) {
			t.Fatalf("Create = %v, want ErrFull", err)
		}
	}
	for i := range 10 {
		if _, _, err := table.Get(ctx, key(fmt.Sprint("s", i), fmt.Sprint("u", i))); err != nil {
			t.Errorf("Get(s%d) = %v, want the session", i, err)
		}
		if list, err := table.List(ctx, user(fmt.Sprint("u", i))); len(list) != 1 || err != nil {
			t.Errorf("List(u%d) = %d, %v, want 1, nil", i, len(list), err)
		}
	}
	if !lease.Live() || held(table) != 10 {
		t.Errorf("lease lives: %v, %d sessions, want true, 10", lease.Live(), held(table))
	}
	for i := range 100 {
		if list, err := table.List(ctx, user(fmt.Sprint("x", i))); len(list) != 0 || err != nil {
			t.Errorf("List of a refused user = %d, %v, want 0, nil", len(list), err)
		}
	}
}

func TestFullTableTakesWhatReplaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Limits{Sessions: 3})
		defer table.Close()
		short := testRecord("short", "w")
		short.ExpiresAt = time.Now().Add(10 * time.Millisecond)
		mustCreate(t, table, "a", "u")
		mustCreate(t, table, "b", "v")
		if err := table.Create(ctx, short, 0, nil); err != nil {
			t.Fatal(err)
		}
		full := func(what string, want error, r session.Record, limit int) {
			t.Helper()
			if err := table.Create(ctx, r, limit, nil); !errors.Is(err, want) {
				t.Errorf("%s: Create = %v, want %v", what, err, want)
			}
			if n := held(table); n > 3 {
				t.Errorf("%s: %d sessions, want at most 3", what, n)
			}
		}
		full("a new user", session.ErrFull, testRecord("c", "x"), 1)
		full("the same key", nil, testRecord("a", "u"), 0)
		full("a user at the limit", nil, testRecord("b2", "v"), 1)
		full("a user below the limit", session.ErrFull, testRecord("b3", "v"), 5)
		time.Sleep(10 * time.Millisecond) // less than to the next sweep
		full("an expired one's room", nil, testRecord("c", "x"), 1)
		full("full again", session.ErrFull, testRecord("d", "z"), 1)
		if err := table.Delete(ctx, key("c", "x")); err != nil {
			t.Fatal(err)
		}
		full("a deleted one's room", nil, testRecord("d", "z"), 1)
	})
}

// Whatever meets, the count stays exact: too high it would lock logins out for
// ever, too low it would bound nothing.
func TestCountIsExact(t *testing.T) {
	table := New(Limits{Sessions: 50})
	defer table.Close()
	var most atomic.Int64
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 500 {
				n := (w*7 + i) % 90
				r := testRecord(fmt.Sprint("s", n), fmt.Sprint("u", n%20))
				switch i % 5 {
				case 0:
					table.Delete(ctx, r.Key)
				case 1:
					table.Update(ctx, r.Key, func(v []byte) ([]byte, error) { return fmt.Appendf(nil, "%*d", i%60, w), nil })
				case 2:
					if i%50 == 2 {
						table.DeleteUser(ctx, r.User)
					}
				default:
					if err := table.Create(ctx, r, 4, nil); err != nil && !errors.Is(err, session.ErrFull) {
						t.Errorf("Create = %v, want nil or ErrFull", err)
					}
				}
				most.Store(max(most.Load(), table.sessions.entries.Load()))
			}
		})
	}
	wg.Wait()
	if most.Load() > 50 {
		t.Errorf("%d sessions were held, want at most 50", most.Load())
	}
	var held, weight, due int
	for u := range 20 {
		list, _ := table.List(ctx, user(fmt.Sprint("u", u)))
		for _, r := range list {
			held, weight = held+1, weight+len(r.Value)
		}
	}
	for i := range table.sessions.shards {
		due += len(table.sessions.shards[i].due)
	}
	s := table.sessions
	if int64(held) != s.entries.Load() || int64(weight) != s.bytes.Load() || due != held {
		t.Errorf("%d sessions of %d bytes are listed and %d due, %d of %d are counted", held, weight, due, s.entries.Load(), s.bytes.Load())
	}
}

func TestMarksValuesAndBytesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Limits{Sessions: 1000, Marks: 2, Values: 2})
		defer table.Close()
		soon := time.Now().Add(time.Millisecond)
		for _, key := range []string{"a", "b"} {
			if ok, err := table.Mark(ctx, key, soon); !ok || err != nil {
				t.Fatalf("Mark = %v, %v, want true, nil", ok, err)
			}
			if err := table.UpdateValue(ctx, key, soon, func([]byte) ([]byte, error) { return []byte("v"), nil }); err != nil {
				t.Fatal(err)
			}
		}
		keep := func(old []byte) ([]byte, error) { return append(old, 'v'), nil }
		if ok, err := table.Mark(ctx, "c", soon); ok || !errors.Is(err, session.ErrFull) {
			t.Errorf("Mark = %v, %v, want false, ErrFull", ok, err)
		}
		if ok, err := table.Mark(ctx, "a", soon); ok || err != nil {
			t.Errorf("Mark of one that stands = %v, %v, want false, nil", ok, err)
		}
		if err := table.UpdateValue(ctx, "c", soon, keep); !errors.Is(err, session.ErrFull) {
			t.Errorf("UpdateValue = %v, want ErrFull", err)
		}
		if err := table.UpdateValue(ctx, "a", soon, keep); err != nil {
			t.Errorf("UpdateValue of one that is there = %v, want nil", err)
		}
		time.Sleep(time.Millisecond)
		if ok, err := table.Mark(ctx, "c", time.Now().Add(time.Hour)); !ok || err != nil {
			t.Errorf("Mark in an expired one's room = %v, %v, want true, nil", ok, err)
		}
		if err := table.UpdateValue(ctx, "c", time.Now().Add(time.Hour), keep); err != nil {
			t.Errorf("UpdateValue in an expired one's room = %v, want nil", err)
		}

		r := testRecord("", "u")
		r.Value = make([]byte, maxValue)
		var err error
		n := 0
		for ; n < 1000 && err == nil; n++ {
			r.Key = key(fmt.Sprint(n), "u")
			err = table.Create(ctx, r, 0, nil)
		}
		if want := minBytes/maxValue + 1; !errors.Is(err, session.ErrFull) || n != want {
			t.Errorf("create %d of 64 KiB = %v, want ErrFull at %d", n, err, want)
		}
		if err := table.Update(ctx, key("0", "u"), func([]byte) ([]byte, error) { return nil, nil }); err != nil {
			t.Errorf("Update to less = %v, want nil", err)
		}
		r.Value = make([]byte, maxValue+1)
		if err := table.Create(ctx, r, 0, nil); !errors.Is(err, errTooLarge) {
			t.Errorf("Create of too much = %v, want errTooLarge", err)
		}
	})
}

// What expired must be given back though nobody asks for it again.
func TestSweepGivesEverythingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Limits{})
		defer table.Close()
		until := time.Now().Add(time.Second)
		for i := range 1000 {
			r := testRecord(fmt.Sprint("s", i), fmt.Sprint("u", i%300))
			r.ExpiresAt = until
			if err := table.Create(ctx, r, 0, nil); err != nil {
				t.Fatal(err)
			}
			table.Mark(ctx, r.Key, until)
			table.UpdateValue(ctx, r.Key, until, func([]byte) ([]byte, error) { return []byte("v"), nil })
		}
		mustCreate(t, table, "stays", "u1")
		time.Sleep(sweepInterval + time.Second)
		held := 0
		for _, s := range []*shelf{table.sessions, table.marks, table.values} {
			for i := range s.shards {
				held += s.shards[i].held.ItemCount()
				if n := len(s.shards[i].due); n != s.shards[i].held.ItemCount() {
					t.Errorf("shard %d holds %d entries, %d are due", i, s.shards[i].held.ItemCount(), n)
				}
			}
		}
		if held != 1 || table.sessions.bytes.Load() != 5 || table.values.bytes.Load() != 0 {
			t.Errorf("%d entries are held, %d and %d bytes counted, want 1, 5, 0",
				held, table.sessions.bytes.Load(), table.values.bytes.Load())
		}
	})
}

// No new user can log in when a limit is reached: health is not green then.
func TestCheckFindsAFullTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Limits{Sessions: 2, Marks: 1, Values: 1})
		defer table.Close()
		want := func(when string, want error) {
			t.Helper()
			if err := table.Check(ctx); !errors.Is(err, want) {
				t.Errorf("%s: Check = %v, want %v", when, err, want)
			}
		}
		mustCreate(t, table, "a", "u")
		want("room for one", nil)
		brief := testRecord("b", "u")
		brief.ExpiresAt = time.Now().Add(time.Second)
		if err := table.Create(ctx, brief, 0, nil); err != nil {
			t.Fatal(err)
		}
		want("no room for a session", session.ErrFull)
		time.Sleep(time.Second)
		want("one has expired", nil)
		table.Mark(ctx, "m", time.Now().Add(time.Second))
		want("no room for a mark", session.ErrFull)
		time.Sleep(time.Second)
		table.UpdateValue(ctx, "v", time.Now().Add(time.Second), func([]byte) ([]byte, error) { return []byte("v"), nil })
		want("no room for a value", session.ErrFull)
		time.Sleep(time.Second)
		want("all has room", nil)
		over, cancel := context.WithCancel(ctx)
		cancel()
		if err := table.Check(over); !errors.Is(err, context.Canceled) {
			t.Errorf("Check = %v, want context.Canceled", err)
		}
	})
}
