// health_test.go: what a health check finds.

package localstore

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

func TestCheck(t *testing.T) {
	d := fresh(t, Options{})
	mustCreate(t, d, "a", "u")
	for range 3 {
		before := commits(d)
		if err := d.Check(ctx); err != nil {
			t.Fatalf("Check = %v, want nil", err)
		}
		if commits(d) == before {
			t.Error("Check has written nothing")
		}
	}
	sound(t, d)

	over, cancel := context.WithCancel(ctx)
	cancel()
	if err := d.Check(over); !errors.Is(err, context.Canceled) {
		t.Errorf("Check = %v, want context.Canceled", err)
	}
	release := hold(t, d)
	brief, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := d.Check(brief); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Check on a disk that hangs = %v, want context.DeadlineExceeded", err)
	}
	release()
	d.Close()
	if err := d.Check(ctx); !errors.Is(err, errClosed) {
		t.Errorf("Check of a closed file = %v, want errClosed", err)
	}
}

// What would be written when somebody has removed the file is lost at the next
// start: no login may be acknowledged, nobody is thrown out, and the file may come
// back.
func TestNothingIsWrittenWithoutTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fresh(t, Options{})
		mustCreate(t, d, "a", "u")
		brief := testRecord("brief", "u")
		brief.ExpiresAt = time.Now().Add(time.Second)
		if err := d.Create(ctx, brief, 0, nil); err != nil {
			t.Fatal(err)
		}
		aside := d.file + ".aside"
		refused := func(when string) {
			t.Helper()
			time.Sleep(sweepInterval + time.Second)
			synctest.Wait()
			before := commits(d)
			d.cache.clear()
			wantValue(t, d, "a", "value")
			_, marked := d.Mark(ctx, "m", time.Now().Add(time.Hour))
			for name, err := range map[string]error{
				"Create": d.Create(ctx, testRecord("b", "u"), 0, nil),
				"Delete": d.Delete(ctx, "a"),
				"Mark":   marked,
			} {
				if !errors.Is(err, errGone) || !strings.Contains(err.Error(), d.file) {
					t.Errorf("%s: %s = %v, want an error that names the file", when, name, err)
				}
			}
			wantValue(t, d, "a", "value")
			wantAbsent(t, d, "b")
			if err := d.Delete(ctx, "absent"); err != nil {
				t.Errorf("%s: Delete of what is absent = %v, want nil", when, err)
			}
			if n := commits(d) - before; n != 0 {
				t.Errorf("%s: %d commits, want none", when, n)
			}
		}
		if err := os.Rename(d.file, aside); err != nil {
			t.Fatal(err)
		}
		refused("moved away")
		if err := os.WriteFile(d.file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		refused("replaced")
		if err := os.Rename(aside, d.file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(sweepInterval + time.Second)
		synctest.Wait()
		mustCreate(t, d, "b", "u")
		if n := held(d); n != 2 {
			t.Errorf("%d sessions when it is back, want 2: the third has expired", n)
		}
		sound(t, d)
		file := d.file
		d.Close()
		d = opened(t, file)
		wantValue(t, d, "a", "value")
		wantValue(t, d, "b", "value")
	})
}

// The check looks for itself, and what it finds counts at once.
func TestCheckFindsThatTheFileIsGone(t *testing.T) {
	d := fresh(t, Options{})
	wantGone := func(when string) {
		t.Helper()
		if err := d.Check(ctx); !errors.Is(err, errGone) || !strings.Contains(err.Error(), d.file) {
			t.Errorf("%s: Check = %v, want an error that names the file", when, err)
		}
	}
	aside := d.file + ".aside"
	if err := os.Rename(d.file, aside); err != nil {
		t.Fatal(err)
	}
	wantGone("moved away")
	if err := d.Create(ctx, testRecord("a", "u"), 0, nil); !errors.Is(err, errGone) {
		t.Errorf("Create = %v, want errGone", err)
	}
	if err := os.WriteFile(d.file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantGone("replaced")
	if err := os.Rename(aside, d.file); err != nil {
		t.Fatal(err)
	}
	if err := d.Check(ctx); err != nil {
		t.Errorf("Check when it is back = %v, want nil", err)
	}
	mustCreate(t, d, "a", "u")
}

// Small writes still find room in the file when the disk is full; the check says
// that the next large one will not.
func TestCheckFindsAFullDisk(t *testing.T) {
	d := fresh(t, Options{})
	info, err := os.Stat(d.file)
	if err != nil {
		t.Fatal(err)
	}
	d.bolt.MaxSize = int(info.Size())
	r := testRecord("big", "u")
	r.Value = make([]byte, maxValue)
	if err := d.Create(ctx, r, 0, nil); err == nil {
		t.Fatal("the largest write finds room")
	}
	if err := d.Check(ctx); err == nil || !strings.Contains(err.Error(), d.file) {
		t.Errorf("Check = %v, want an error that names the file", err)
	}
	d.bolt.MaxSize = 0
	if err := d.Check(ctx); err != nil {
		t.Errorf("Check when there is room = %v, want nil", err)
	}
}

// No new user can log in when the limit is reached: health is not green then.
func TestCheckFindsAFullDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := fresh(t, Options{Sessions: 2})
		mustCreate(t, d, "a", "u")
		if err := d.Check(ctx); err != nil {
			t.Errorf("Check with room for one = %v, want nil", err)
		}
		brief := testRecord("b", "u")
		brief.ExpiresAt = time.Now().Add(time.Second)
		if err := d.Create(ctx, brief, 0, nil); err != nil {
			t.Fatal(err)
		}
		if err := d.Check(ctx); !errors.Is(err, session.ErrFull) || !strings.Contains(err.Error(), "max_sessions") {
			t.Errorf("Check of a full database = %v, want ErrFull and what to do", err)
		}
		time.Sleep(time.Second)
		if err := d.Check(ctx); err != nil {
			t.Errorf("Check when one has expired = %v, want nil", err)
		}
	})
}
