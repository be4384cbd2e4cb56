// health_test.go: what a health check finds.

package localstore

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestCheck(t *testing.T) {
	d := fresh(t, Limits{})
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

// Logins go on when somebody removes the file, and are lost at the next start:
// only the check can tell.
func TestCheckFindsThatTheFileIsGone(t *testing.T) {
	d := fresh(t, Limits{})
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
}

// Small writes still find room in the file when the disk is full; the check says
// that the next large one will not.
func TestCheckFindsAFullDisk(t *testing.T) {
	d := fresh(t, Limits{})
	info, err := os.Stat(d.file)
	if err != nil {
		t.Fatal(err)
	}
	d.bolt.MaxSize = int(info.Size())
	r := testRecord("big", "u")
	r.Value = make([]byte, maxValue)
	if err := d.Create(ctx, r, 0); err == nil {
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
