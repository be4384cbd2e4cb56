// apps_test.go: the number of sessions of each app.

package localstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"
)

func wantCounts(t *testing.T, d *DB, when string, want map[string]int) {
	t.Helper()
	if have, err := d.Count(ctx); err != nil || !maps.Equal(have, want) {
		t.Errorf("%s: Count = %v, %v, want %v, nil", when, have, err, want)
	}
}

func TestCountByApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fresh(t, Options{})
		file := d.file
		wantCounts(t, d, "at first", map[string]int{})
		for i := range 5 {
			mustCreate(t, d, fmt.Sprint("a", i), "one.alice")
			mustCreate(t, d, fmt.Sprint("b", i), "two.bob")
		}
		mustCreate(t, d, "c", "two.carol")
		wantCounts(t, d, "after logins", map[string]int{"one.": 5, "two.": 6})

		if err := d.Update(ctx, "a0", func([]byte) ([]byte, error) { return []byte("longer than before"), nil }); err != nil {
			t.Fatal(err)
		}
		d.Delete(ctx, "a1")
		d.Delete(ctx, "a1")
		d.DeleteUser(ctx, "two.bob")
		wantCounts(t, d, "after logouts", map[string]int{"one.": 4, "two.": 1})

		mustCreate(t, d, "c", "one.alice") // another user takes the key
		if err := d.Create(ctx, testRecord("a9", "one.alice"), 2, nil); err != nil {
			t.Fatal(err)
		}
		wantCounts(t, d, "after the oldest had to go", map[string]int{"one.": 2})
		sound(t, d)
		d.Close()
		if have, err := d.Count(ctx); !errors.Is(err, errClosed) {
			t.Errorf("Count of a closed file = %v, %v, want errClosed", have, err)
		}

		d = opened(t, file)
		wantCounts(t, d, "after a restart", map[string]int{"one.": 2})
		time.Sleep(time.Hour + 2*sweepInterval)
		synctest.Wait()
		wantCounts(t, d, "after their time", map[string]int{})
		over, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := d.Count(over); !errors.Is(err, context.Canceled) {
			t.Errorf("Count = %v, want context.Canceled", err)
		}
		sound(t, d)
	})
}
