// limits_test.go: a full database refuses, gives nothing up, and recovers.

package localstore

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// A flood of logins fills the database. Users who are logged in stay so.
func TestFullDatabaseThrowsNobodyOut(t *testing.T) {
	d := fresh(t, Options{Sessions: 10})
	for i := range 10 {
		mustCreate(t, d, fmt.Sprint("s", i), fmt.Sprint("u", i))
	}
	lease := wantValue(t, d, "s0", "value")
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if err := d.Create(ctx, testRecord(fmt.Sprint("x", i), fmt.Sprint("x", i)), 1, nil); !errors.Is(err, session.ErrFull) {
				t.Errorf("Create = %v, want ErrFull", err)
			}
		})
	}
	wg.Wait()
	for i := range 10 {
		wantValue(t, d, fmt.Sprint("s", i), "value")
	}
	if !lease.Live() || held(d) != 10 {
		t.Errorf("lease lives: %v, %d sessions, want true, 10", lease.Live(), held(d))
	}
	sound(t, d)
}

func TestFullDatabaseTakesWhatReplaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fresh(t, Options{Sessions: 3})
		short := testRecord("short", "w")
		short.ExpiresAt = time.Now().Add(10 * time.Millisecond)
		mustCreate(t, d, "a", "u")
		mustCreate(t, d, "b", "v")
		if err := d.Create(ctx, short, 0, nil); err != nil {
			t.Fatal(err)
		}
		create := func(what string, want error, r session.Record, limit int) {
			t.Helper()
			if err := d.Create(ctx, r, limit, nil); !errors.Is(err, want) {
				t.Errorf("%s: Create = %v, want %v", what, err, want)
			}
			if n := held(d); n > 3 {
				t.Errorf("%s: %d sessions, want at most 3", what, n)
			}
		}
		create("a new user", session.ErrFull, testRecord("c", "x"), 1)
		create("the same key", nil, testRecord("a", "u"), 0)
		create("the same key, another user", nil, testRecord("a", "y"), 0)
		create("a user at the limit", nil, testRecord("b2", "v"), 1)
		create("a user below the limit", session.ErrFull, testRecord("b3", "v"), 5)
		time.Sleep(10 * time.Millisecond) // less than to the next sweep
		create("an expired one's room", nil, testRecord("c", "x"), 1)
		create("full again", session.ErrFull, testRecord("d", "z"), 1)
		if err := d.Delete(ctx, "c"); err != nil {
			t.Fatal(err)
		}
		create("a deleted one's room", nil, testRecord("d", "z"), 1)
		sound(t, d)
	})
}

func TestMarksValuesAndBytesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fresh(t, Options{})
		b := Options{}.bounds()
		b[kindMark], b[kindValue] = amount{2, 1 << 20}, amount{2, 1 << 20}
		b[kindSession] = amount{1000, 10 * maxValue}
		d.tune(&tune{bounds: b})
		soon, later := time.Now().Add(time.Second), time.Now().Add(time.Hour)
		keep := func(old []byte) ([]byte, error) { return append(old, 'v'), nil }
		for _, key := range []string{"a", "b"} {
			if ok, err := d.Mark(ctx, key, soon); !ok || err != nil {
				t.Fatalf("Mark = %v, %v, want true, nil", ok, err)
			}
			if err := d.UpdateValue(ctx, key, soon, keep); err != nil {
				t.Fatal(err)
			}
		}
		if ok, err := d.Mark(ctx, "c", soon); ok || !errors.Is(err, session.ErrFull) {
			t.Errorf("Mark = %v, %v, want false, ErrFull", ok, err)
		}
		if ok, err := d.Mark(ctx, "a", soon); ok || err != nil {
			t.Errorf("Mark of one that stands = %v, %v, want false, nil", ok, err)
		}
		if err := d.UpdateValue(ctx, "c", soon, keep); !errors.Is(err, session.ErrFull) {
			t.Errorf("UpdateValue = %v, want ErrFull", err)
		}
		if err := d.UpdateValue(ctx, "a", soon, keep); err != nil {
			t.Errorf("UpdateValue of one that is there = %v, want nil", err)
		}
		time.Sleep(time.Second)
		if ok, err := d.Mark(ctx, "c", later); !ok || err != nil {
			t.Errorf("Mark in an expired one's room = %v, %v, want true, nil", ok, err)
		}
		if err := d.UpdateValue(ctx, "c", later, keep); err != nil {
			t.Errorf("UpdateValue in an expired one's room = %v, want nil", err)
		}

		r := testRecord("", "u")
		r.Value = make([]byte, maxValue)
		var err error
		n := 0
		for ; n < 1000 && err == nil; n++ {
			r.Key = fmt.Sprint(n)
			err = d.Create(ctx, r, 0, nil)
		}
		if !errors.Is(err, session.ErrFull) || n != 11 {
			t.Errorf("create %d of the largest = %v, want ErrFull at 11", n, err)
		}
		if err := d.Update(ctx, "0", func([]byte) ([]byte, error) { return nil, nil }); err != nil {
			t.Errorf("Update to less = %v, want nil", err)
		}
		r.Value = make([]byte, maxValue+1)
		if err := d.Create(ctx, r, 0, nil); !errors.Is(err, errTooLarge) {
			t.Errorf("Create of too much = %v, want errTooLarge", err)
		}
		for _, key := range []string{"", "a\x00b", string(make([]byte, 65))} {
			if err := d.Create(ctx, testRecord(key, "u"), 0, nil); !errors.Is(err, errKey) {
				t.Errorf("Create(%q) = %v, want errKey", key, err)
			}
		}
		sound(t, d)
	})
}

// Whatever meets, entries, indexes, counts and cache agree afterwards.
func TestAllAtOnceStaysSound(t *testing.T) {
	d := fresh(t, Options{Sessions: 40})
	d.bolt.NoSync = true
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 150 {
				key, user := fmt.Sprint("s", (w*7+i)%70), fmt.Sprint("u", (w+i)%15)
				var err error
				switch i % 7 {
				case 0:
					err = d.Delete(ctx, key)
				case 1:
					err = d.Update(ctx, key, func([]byte) ([]byte, error) { return fmt.Appendf(nil, "%*d", 1+i%60, w), nil })
				case 2:
					if i%35 == 2 {
						_, err = d.DeleteUser(ctx, user)
					}
				case 3:
					_, err = d.Mark(ctx, fmt.Sprint("m", w*150+i), time.Now().Add(time.Duration(i%3)*time.Second))
				case 4:
					err = d.UpdateValue(ctx, user, time.Now().Add(time.Duration(i%3)*time.Second), func(old []byte) ([]byte, error) { return append(old, 'x'), nil })
				default:
					err = d.Create(ctx, testRecord(key, user), 4, nil)
				}
				if err != nil && !errors.Is(err, session.ErrFull) && !errors.Is(err, session.ErrNotFound) {
					t.Errorf("round %d: %v", i, err)
				}
				d.Get(ctx, key)
			}
		})
	}
	wg.Wait()
	sound(t, d)
	for i := range 70 {
		key := fmt.Sprint("s", i)
		if cached := d.cache.get(key); cached != nil {
			if r, err := d.find(ctx, kindSession, key); err != nil || string(r.value) != string(cached.value) {
				t.Errorf("%s is cached as %q, the file has %q, %v", key, cached.value, r.value, err)
			}
		}
	}
}
